-- The rows of a day that has no file to be rewritten.
CREATE OR REPLACE VIEW {replacement} AS SELECT {columns} FROM changed WHERE {day} = {of_day}
