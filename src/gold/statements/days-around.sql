-- The days of the changed rows, and so many before each.
SELECT DISTINCT ({column} - before::INTEGER)::VARCHAR AS day
FROM changed, range($days_before::BIGINT + 1) AS offsets (before)
