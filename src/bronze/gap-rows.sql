-- Rows of the gaps table (domain section 2), one a lost range.
CREATE OR REPLACE TEMP TABLE found_gaps AS
SELECT
    $dataset AS dataset,
    CAST($partition_id AS INTEGER) AS partition_id,
    CAST($first_sequence_number AS BIGINT) AS first_sequence_number,
    CAST($last_sequence_number AS BIGINT) AS last_sequence_number,
    $reason AS reason,
    make_timestamptz(CAST($found_at_us AS BIGINT)) AS found_at,
    $run_id AS run_id;
