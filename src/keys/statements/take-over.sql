-- The rows of packs that are folded, as far as their files are live.
INSERT INTO {gathered}
SELECT file, h FROM read_parquet($packs) WHERE file IN (SELECT unnest($live))
