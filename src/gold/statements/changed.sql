-- Rows that one version has oftener than the other: old and new versions of what changed. They are counted, since a
-- row may stand in several files: in a new one, in the one that a compaction made of it, and in the next after that.
CREATE OR REPLACE TABLE changed AS
SELECT {columns}
FROM (
  SELECT {columns}, 1 AS times FROM ({new_rows})
  UNION ALL
  SELECT {columns}, -1 FROM ({old_rows})
)
GROUP BY {columns}
HAVING sum(times) <> 0
