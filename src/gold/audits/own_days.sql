-- A row of a day that was not asked for: for every view.
SELECT {day} FROM "rows" WHERE {day} IS NULL OR {day} NOT IN (SELECT day FROM days)
