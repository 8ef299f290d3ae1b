-- The rows of a run from their JSON, in the columns and types of schemas/runs-table.ts.
CREATE TABLE run_rows AS
WITH given AS (
  SELECT unnest(from_json($rows, '["JSON"]')) AS item
)
SELECT
  item ->> 'run_id' AS run_id,
  item ->> 'command' AS command,
  CAST(item ->> 'started_at' AS TIMESTAMP WITH TIME ZONE) AS started_at,
  CAST(item ->> 'ended_at' AS TIMESTAMP WITH TIME ZONE) AS ended_at,
  item ->> 'run_outcome' AS run_outcome,
  CAST(item ->> 'exit_code' AS INTEGER) AS exit_code,
  CAST(item ->> 'run_seconds' AS DECIMAL(18, 3)) AS run_seconds,
  CAST(item ->> 'run_cpu_seconds' AS DECIMAL(18, 3)) AS run_cpu_seconds,
  CAST(item ->> 'peak_rss_bytes' AS BIGINT) AS peak_rss_bytes,
  item ->> 'error' AS error,
  item ->> 'dataset' AS dataset,
  item ->> 'hub' AS hub,
  CAST(item ->> 'partition_id' AS INTEGER) AS partition_id,
  CAST(item ->> 'first_sequence_number' AS BIGINT) AS first_sequence_number,
  CAST(item ->> 'last_sequence_number' AS BIGINT) AS last_sequence_number,
  CAST(item ->> 'rows' AS BIGINT) AS rows,
  CAST(item ->> 'gap_rows' AS BIGINT) AS gap_rows,
  CAST(item ->> 'bytes' AS BIGINT) AS bytes,
  CAST(item ->> 'lag_before' AS BIGINT) AS lag_before,
  CAST(item ->> 'lag_after' AS BIGINT) AS lag_after,
  item ->> 'outcome' AS outcome
FROM given
