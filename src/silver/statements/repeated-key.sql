SELECT {key}::VARCHAR AS repeated, count(*) AS times FROM dimension GROUP BY {key} HAVING count(*) > 1 LIMIT 1
