-- Least and greatest value of the text columns of one Parquet file, from its footer.
-- The mark in front keeps a byte-order mark at a value's head, which the driver drops from the head of a text.
-- A row group without bounds (other than one of nulls alone) leaves the column without.
SELECT
  path_in_schema AS name,
  '|' || min(stats_min_value) AS least,
  '|' || max(stats_max_value) AS greatest
FROM parquet_metadata($file)
WHERE type = 'BYTE_ARRAY'
GROUP BY path_in_schema
HAVING bool_and(
  (stats_min_value IS NOT NULL AND stats_max_value IS NOT NULL) OR stats_null_count = num_values
)
