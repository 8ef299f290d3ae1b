-- The days of the IVR rows of the changed legs' calls.
SELECT DISTINCT start_date AS day FROM ivr_calls WHERE call_id IN (SELECT call_id FROM changed)
