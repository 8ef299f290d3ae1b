-- Keys that the batch has twice, by a hash: one that two keys share only sends both through the window.
CREATE OR REPLACE TABLE twice AS
SELECT hash({key}) AS h FROM judged GROUP BY h HAVING count(*) > 1;

-- The batch's winner of each key: the greatest produced_at, among equals the first to arrive (domain section 3).
CREATE OR REPLACE TABLE incoming AS
WITH timed AS (
  SELECT *, make_timestamptz($loaded_at_us::BIGINT) AS loaded_at FROM judged
)
FROM timed WHERE hash({key}) NOT IN (SELECT h FROM twice)
UNION ALL
FROM timed WHERE hash({key}) IN (SELECT h FROM twice)
QUALIFY row_number() OVER (
  PARTITION BY {key} ORDER BY produced_at DESC, enqueued_at, partition_id, sequence_number
) = 1
