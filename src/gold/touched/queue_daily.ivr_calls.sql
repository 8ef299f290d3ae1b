-- The changed calls' own days, old and new.
SELECT DISTINCT start_date AS day FROM changed
