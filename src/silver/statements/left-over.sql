-- Rows that have no shape, in the order of bronze, where a judged row of the first pass stands at its row number.
CREATE OR REPLACE TABLE left_over AS
SELECT coalesce(position, rowid) AS position, is_large, enqueued_at, partition_id, sequence_number, body, body_base64
FROM judged
WHERE shape = 0;

DELETE FROM judged WHERE shape = 0
