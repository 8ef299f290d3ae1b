-- The events as a hub brings them: all of the new ones, some twice, some bad, and corrections of calls of the history.
CREATE OR REPLACE TABLE arrived AS
WITH named AS (
  SELECT to_json({struct})::VARCHAR AS body, hash(event_id) AS h FROM (
{events}
  )
),
sent AS (
  SELECT body, h FROM named
  UNION ALL
  SELECT body, h FROM named WHERE h % 100 < 5
  UNION ALL
  SELECT body[:-2], h FROM named WHERE h % 100 = 50
)
SELECT
  body,
  NULL::VARCHAR AS body_base64,
  NULL::VARCHAR AS properties,
  0::INTEGER AS partition_id,
  1000000000 + row_number() OVER (ORDER BY h) AS sequence_number,
  sequence_number::VARCHAR AS "offset",
  TIMESTAMPTZ '2026-11-22 12:00:00Z' AS enqueued_at,
  NULL::VARCHAR AS partition_key,
  enqueued_at AS ingested_at,
  'bench' AS run_id,
  DATE '2026-11-22' AS ingestion_date
FROM sent
