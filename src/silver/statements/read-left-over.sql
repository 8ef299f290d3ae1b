-- A mark in front of the body: drivers drop a byte-order mark at the head of a string.
SELECT
  '|' || body AS marked_body,
  body_base64,
  partition_id,
  sequence_number,
  epoch_us(enqueued_at) AS enqueued_us,
  position,
  true AS is_taken
FROM left_over
WHERE NOT is_large
