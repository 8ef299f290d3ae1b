-- Days that gain a row, and files that lose one.
SELECT DISTINCT {day}::VARCHAR AS day, NULL::VARCHAR AS path FROM changed
UNION ALL
SELECT DISTINCT NULL::VARCHAR AS day, {file} AS path FROM replaced
