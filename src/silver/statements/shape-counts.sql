-- A row's number is its place in bronze where the first pass judged it.
SELECT shape, count(*) AS rows, min(coalesce(position, rowid)) AS first_position FROM judged GROUP BY shape
