-- The rows of the files that hold a corrected gap: each of those as the pieces that are left of it.
CREATE OR REPLACE TABLE corrected_gaps AS
WITH pieces AS (
    SELECT unnest(from_json($pieces, '[{"former": "BIGINT", "first": "BIGINT", "last": "BIGINT"}]'), recursive := true)
),
affected AS (
    SELECT
        *,
        dataset = $dataset
        AND partition_id = CAST($partition_id AS INTEGER)
        AND first_sequence_number IN (SELECT unnest($corrected)::BIGINT) AS is_corrected
    FROM gap_rows
    WHERE "_file" IN (SELECT unnest($paths))
)
SELECT * EXCLUDE ("_file", is_corrected) FROM affected WHERE NOT is_corrected
UNION ALL
SELECT
    affected.* EXCLUDE ("_file", is_corrected)
        REPLACE (pieces.first AS first_sequence_number, pieces.last AS last_sequence_number)
FROM affected
JOIN pieces ON is_corrected AND pieces.former = affected.first_sequence_number
