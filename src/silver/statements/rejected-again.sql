-- The rejected rows that are judged again, as rows of bronze.
CREATE OR REPLACE TABLE bronze AS
SELECT body, body_base64, partition_id, sequence_number, enqueued_at, reason AS former_reason, "_file"
FROM rejected_rows
WHERE dataset = $dataset AND ($reason::VARCHAR IS NULL OR reason = $reason)
