-- What became of rejected rows that were judged again, those apart whose reason stands. No reason: accepted.
CREATE OR REPLACE TABLE verdicts AS
SELECT partition_id, sequence_number, refused.reason, bronze."_file"
FROM bronze
LEFT JOIN refused USING (partition_id, sequence_number)
WHERE refused.reason IS DISTINCT FROM bronze.former_reason
