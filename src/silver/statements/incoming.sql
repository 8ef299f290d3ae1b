-- Keys that the batch has twice, by a hash: one that two keys share only sends both through the window.
CREATE OR REPLACE TABLE twice AS
SELECT hash({key}) AS h FROM judged GROUP BY h HAVING count(*) > 1;

-- Numbers of rows of `judged` that another one of their key wins over: the greatest produced_at, among equals the
-- first to arrive (domain section 3).
CREATE OR REPLACE TABLE beaten AS
SELECT number
FROM (
  SELECT number, {key}, produced_at, enqueued_at, partition_id, sequence_number
  FROM judged
  WHERE hash({key}) IN (SELECT h FROM twice)
)
QUALIFY row_number() OVER (
  PARTITION BY {key} ORDER BY produced_at DESC, enqueued_at, partition_id, sequence_number
) > 1;

-- The batch's winner of each key. A view: the rows are not held once more.
CREATE OR REPLACE VIEW incoming AS
SELECT *, make_timestamptz({loaded_at_us}) AS loaded_at
FROM judged
ANTI JOIN beaten USING (number);
