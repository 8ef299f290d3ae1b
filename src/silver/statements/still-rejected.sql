-- The rows of the files that hold one judged otherwise: without those accepted, and with the reasons of now.
CREATE OR REPLACE TABLE still_rejected AS
SELECT rejected_rows.* EXCLUDE ("_file") REPLACE (coalesce(verdicts.reason, rejected_rows.reason) AS reason)
FROM rejected_rows
LEFT JOIN verdicts
  ON rejected_rows.dataset = $dataset
  AND rejected_rows.partition_id = verdicts.partition_id
  AND rejected_rows.sequence_number = verdicts.sequence_number
WHERE rejected_rows."_file" IN (SELECT "_file" FROM verdicts)
  AND (verdicts.partition_id IS NULL OR verdicts.reason IS NOT NULL)
