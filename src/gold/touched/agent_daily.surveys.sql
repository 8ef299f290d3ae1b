-- The days of all legs of the calls that the changed surveys are about, or were.
SELECT DISTINCT start_date AS day FROM call_legs WHERE call_id IN (SELECT call_id FROM changed)
