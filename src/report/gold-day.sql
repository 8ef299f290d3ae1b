-- The greatest values of one measure on one gold day.
SELECT
  coalesce(CAST({label} AS VARCHAR), 'unknown') AS label,
  CAST({measure} AS DOUBLE) AS value
FROM {day_rows}
WHERE {measure} IS NOT NULL
ORDER BY value DESC, label
LIMIT $top
