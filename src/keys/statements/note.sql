INSERT INTO {gathered}
SELECT DISTINCT $path, {hash} FROM read_parquet($file, hive_partitioning = false)
