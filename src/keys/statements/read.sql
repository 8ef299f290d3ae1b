SELECT count(file), sum(h) FROM read_parquet($packs)
