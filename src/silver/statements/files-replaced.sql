SELECT DISTINCT {file} AS path FROM replaced ORDER BY path
