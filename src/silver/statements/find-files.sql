-- The files with a row that agrees with one of the wanted rows.
SELECT DISTINCT filename
FROM read_parquet($files, filename = true, hive_partitioning = false)
SEMI JOIN {wanted} USING ({columns})
