-- Rows that one version has and the other has not as they are: old and new versions of what changed.
CREATE OR REPLACE TABLE changed AS
(SELECT {columns} FROM old_rows EXCEPT SELECT {columns} FROM new_rows)
UNION ALL
(SELECT {columns} FROM new_rows EXCEPT SELECT {columns} FROM old_rows)
