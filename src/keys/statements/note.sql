-- The md5 costs more than the DISTINCT, and a key has several rows.
INSERT INTO {gathered}
SELECT $path, {hash} FROM (SELECT DISTINCT {columns} FROM read_parquet($file, hive_partitioning = false))
