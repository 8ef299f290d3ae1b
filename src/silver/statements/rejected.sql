-- One row a rejected bronze row (domain section 3). A view: large bodies are not held once more.
CREATE OR REPLACE VIEW rejected AS
SELECT
  getvariable('dataset') AS dataset,
  partition_id,
  sequence_number,
  make_timestamptz(enqueued_at) AS enqueued_at,
  reason,
  body,
  body_base64,
  make_timestamptz(getvariable('rejected_at_us')) AS rejected_at
FROM refused
