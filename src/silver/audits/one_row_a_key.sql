-- A key twice among the rows to be written: for every dataset.
SELECT {key} FROM replacement GROUP BY {key} HAVING count(*) > 1
