-- What the bodies of each file take in memory, from the footers, row group by row group.
SELECT
  file_name AS file,
  max(row_group_num_rows)::BIGINT AS rows,
  sum(total_uncompressed_size)::BIGINT AS bytes
FROM parquet_metadata($files)
WHERE path_in_schema IN ('body', 'body_base64')
GROUP BY file_name, row_group_id
ORDER BY file_name, row_group_id
