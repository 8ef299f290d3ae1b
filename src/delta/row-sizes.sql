-- Uncompressed bytes of a row, of each file the most that a row group has on average.
SELECT file_name AS file, max(bytes / rows) AS row_bytes
FROM (
  SELECT file_name, row_group_id, sum(total_uncompressed_size) AS bytes, max(row_group_num_rows) AS rows
  FROM parquet_metadata($files)
  GROUP BY file_name, row_group_id
)
WHERE rows > 0
GROUP BY file_name
