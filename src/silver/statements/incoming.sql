-- The batch's winner of each key: the greatest produced_at, among equals the first to arrive (domain section 3).
CREATE OR REPLACE TABLE incoming AS
SELECT *, make_timestamptz($loaded_at_us::BIGINT) AS loaded_at
FROM judged
QUALIFY row_number() OVER (
  PARTITION BY {key} ORDER BY produced_at DESC, enqueued_at, partition_id, sequence_number
) = 1
