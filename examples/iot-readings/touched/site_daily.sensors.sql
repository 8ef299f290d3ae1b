-- Every day with a reading of a sensor that moved.
SELECT DISTINCT measured_date AS day FROM readings WHERE sensor_id IN (SELECT sensor_id FROM changed)
