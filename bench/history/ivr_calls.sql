SELECT
  md5('ivr' || call_id)::UUID::VARCHAR AS event_id,
  started_at + INTERVAL 3 MINUTE AS produced_at,
  call_id,
  customer_id,
  started_at,
  started_at + INTERVAL 3 MINUTE AS ended_at,
  call % 7 > 0 AS authenticated,
  1 + (hash(call_id, 2) % 10)::INTEGER AS options_navigated,
  'EMP' AS option_code,
  true AS transferred,
  'IVR_' || (hash(call_id, 3) % 14) AS queue_id
FROM calls
