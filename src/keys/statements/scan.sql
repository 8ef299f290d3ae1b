-- Files that are in no pack yet. Local names and the log's paths stand in the same order.
INSERT INTO {gathered}
WITH named AS (SELECT unnest($files) AS filename, unnest($paths) AS file)
SELECT DISTINCT file, h
FROM (
  SELECT filename, {hash} AS h
  FROM (
    SELECT DISTINCT filename, {columns}
    FROM read_parquet($files, filename = true, union_by_name = true, hive_partitioning = false)
  )
)
JOIN named USING (filename)
