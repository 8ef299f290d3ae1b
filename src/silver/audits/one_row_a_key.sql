-- A key twice among the rows there, or among those to be written: for every dataset.
SELECT {key} FROM standing GROUP BY {key} HAVING count(*) > 1
UNION ALL
SELECT {key}
FROM fresh
WHERE hash({key}) IN (SELECT hash({key}) AS h FROM fresh GROUP BY h HAVING count(*) > 1)
GROUP BY {key}
HAVING count(*) > 1
