-- Rows of one flush as the bronze table has them (domain section 2).
CREATE OR REPLACE TEMP VIEW flushed_events AS
SELECT
    body,
    body_base64,
    properties,
    partition_id,
    sequence_number,
    "offset",
    enqueued_at,
    partition_key,
    getvariable('flush').ingested_at AS ingested_at,
    getvariable('flush').run_id AS run_id,
    getvariable('flush').ingestion_date AS ingestion_date
FROM arrived_events(getvariable('flush').arrived);
