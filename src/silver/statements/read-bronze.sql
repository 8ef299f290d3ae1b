-- The rows of bronze in order, those for zod with what it judges. No filter: it would gather large bodies to full
-- chunks, while those of a scan end with their file.
SELECT
  CASE WHEN is_taken THEN '|' || body END AS marked_body,
  CASE WHEN is_taken THEN body_base64 END AS body_base64,
  partition_id,
  sequence_number,
  epoch_us(enqueued_at) AS enqueued_us,
  row_number() OVER () - 1 AS position,
  is_taken
FROM (
  SELECT
    *,
    coalesce(greatest(strlen(body), strlen(body_base64)) > $taken_above_bytes, $taken_above_bytes < 0) AS is_taken
  FROM bronze
)
