SELECT
  md5(concat_ws(' ', 'leg event', call_id, leg))::UUID::VARCHAR AS event_id,
  started_at + to_microseconds((180000000 + 150000000 * (leg + 1))::BIGINT) AS produced_at,
  call_id,
  md5(concat_ws(' ', 'leg', call_id, leg))::UUID::VARCHAR AS leg_id,
  customer_id,
  1 + (hash(call_id, leg) % 1000)::INTEGER AS agent_id,
  started_at + to_microseconds((180000000 + 150000000 * leg)::BIGINT) AS started_at,
  started_at + to_microseconds(180000000 + 150000000 * (leg + 1) - (hash(call_id, leg, 9) % 1000000)::BIGINT)
    AS ended_at,
  ['Cards', 'Financing', 'Collections', 'Relationship'][1 + (hash(call_id, leg, 3) % 4)::INTEGER] AS area
FROM calls, range(4) AS l (leg)
