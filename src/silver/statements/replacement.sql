-- The rows that take the place of the rewritten files. A table, since it is read once a day that it holds.
CREATE OR REPLACE TABLE replacement AS
SELECT {columns} FROM rewritten ANTI JOIN changed USING ({key})
UNION ALL
SELECT {columns} FROM changed
