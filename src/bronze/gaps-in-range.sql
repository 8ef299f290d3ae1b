-- Gaps of a partition that touch a range, and the files that they stand in.
SELECT first_sequence_number AS first, last_sequence_number AS last, "_file" AS path
FROM gap_rows
WHERE dataset = $dataset
  AND partition_id = CAST($partition_id AS INTEGER)
  AND first_sequence_number <= CAST($last AS BIGINT)
  AND last_sequence_number >= CAST($first AS BIGINT)
ORDER BY first
