-- What the days' own rows of another source are known by.
SELECT DISTINCT {columns} FROM {of} WHERE {day} IN (SELECT day FROM days)
