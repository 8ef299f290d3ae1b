-- Cells of a column that differ in rows of the same key; `named` are those that a known difference explains.
SELECT
  count(*) FILTER (NOT ({known})) AS unexplained,
  count(*) FILTER ({known}) AS named
FROM engine JOIN reference USING ({key})
WHERE engine.{column} IS DISTINCT FROM reference.{column}
