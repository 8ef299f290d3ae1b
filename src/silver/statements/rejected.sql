-- One row a rejected bronze row (domain section 3).
CREATE OR REPLACE TABLE rejected AS
SELECT
  $dataset::VARCHAR AS dataset,
  partition_id,
  sequence_number,
  make_timestamptz(enqueued_at) AS enqueued_at,
  reason,
  body,
  body_base64,
  make_timestamptz($rejected_at_us::BIGINT) AS rejected_at
FROM refused
