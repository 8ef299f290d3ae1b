SELECT (SELECT count(*) FROM rewritten) AS rows_before, (SELECT count(*) FROM replacement) AS rows_after
