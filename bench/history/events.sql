-- As a merge has them before its model: with the place in the hub.
CREATE OR REPLACE TABLE events AS
SELECT
  *,
  produced_at AS enqueued_at,
  0::INTEGER AS partition_id,
  row_number() OVER (ORDER BY produced_at, event_id) - 1 AS sequence_number,
  make_timestamptz(0) AS loaded_at
FROM (
{events}
)
