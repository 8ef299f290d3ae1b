SELECT
  md5('survey event' || call_id)::UUID::VARCHAR AS event_id,
  started_at + INTERVAL 30 MINUTE AS produced_at,
  md5('survey' || call_id)::UUID::VARCHAR AS survey_id,
  call_id,
  started_at + INTERVAL 30 MINUTE AS sent_at,
  1 + (hash(call_id, 6) % 10)::INTEGER AS score
FROM calls
WHERE call % 10 < 7
