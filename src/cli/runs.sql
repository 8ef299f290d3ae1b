-- The latest runs, one row a partition, newest first.
WITH latest AS (
  SELECT run_id, max(ended_at) AS last_ended_at
  FROM sluice.runs
  GROUP BY run_id
  ORDER BY last_ended_at DESC, run_id DESC
  LIMIT $last
)
SELECT
  r.run_id,
  r.command,
  strftime(r.started_at, '%Y-%m-%dT%H:%M:%S.%gZ') AS started_at,
  strftime(r.ended_at, '%Y-%m-%dT%H:%M:%S.%gZ') AS ended_at,
  r.run_outcome,
  r.exit_code,
  CAST(r.run_seconds AS DOUBLE) AS run_seconds,
  CAST(r.run_cpu_seconds AS DOUBLE) AS run_cpu_seconds,
  CAST(r.peak_rss_bytes AS DOUBLE) AS peak_rss_bytes,
  r.error,
  r.dataset,
  r.hub,
  r.partition_id,
  CAST(r.first_sequence_number AS DOUBLE) AS first_sequence_number,
  CAST(r.last_sequence_number AS DOUBLE) AS last_sequence_number,
  CAST(r.rows AS DOUBLE) AS rows,
  CAST(r.gap_rows AS DOUBLE) AS gap_rows,
  CAST(r.bytes AS DOUBLE) AS bytes,
  CAST(r.lag_before AS DOUBLE) AS lag_before,
  CAST(r.lag_after AS DOUBLE) AS lag_after,
  r.outcome
FROM sluice.runs AS r
JOIN latest AS l USING (run_id)
ORDER BY l.last_ended_at DESC, r.run_id DESC, r.dataset, r.partition_id
