-- The changed readings' own days, old and new.
SELECT DISTINCT measured_date AS day FROM changed
