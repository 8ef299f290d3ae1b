-- Sequence numbers of a partition that bronze has in a range, as runs without a hole.
SELECT min(sequence_number) AS first, max(sequence_number) AS last
FROM (
    SELECT sequence_number, sequence_number - row_number() OVER (ORDER BY sequence_number) AS run
    FROM bronze_rows
    WHERE partition_id = CAST($partition_id AS INTEGER)
      AND sequence_number BETWEEN CAST($first AS BIGINT) AND CAST($last AS BIGINT)
)
GROUP BY run
ORDER BY first
