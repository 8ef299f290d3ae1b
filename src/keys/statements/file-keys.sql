-- The md5 costs more than the DISTINCT, and a key has several rows.
SELECT {hash} AS h FROM (SELECT DISTINCT {columns} FROM read_parquet($file, hive_partitioning = false))
