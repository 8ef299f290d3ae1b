-- What all rows of one flush have in common, and which rows of the process they are.
SET VARIABLE flush = struct_pack(
    arrived := CAST($arrived AS BIGINT),
    ingested_at := make_timestamptz(CAST($ingested_at_us AS BIGINT)),
    ingestion_date := CAST(make_timestamptz(CAST($ingested_at_us AS BIGINT)) AT TIME ZONE 'UTC' AS DATE),
    run_id := $run_id
);
