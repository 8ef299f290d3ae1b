-- The rows of a day that take the place of its rewritten files.
CREATE OR REPLACE VIEW {replacement} AS
SELECT {columns} FROM {rewritten} ANTI JOIN (FROM replaced WHERE {day} = {of_day}) USING ({key})
UNION ALL
SELECT {columns} FROM changed WHERE {day} = {of_day}
