-- What the days' own rows of another source are known by.
CREATE OR REPLACE VIEW own_keys AS
SELECT DISTINCT {columns} FROM {of} WHERE {day} IN (SELECT day FROM days)
