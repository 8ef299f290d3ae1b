-- One row a reading, from its winning event.
SELECT
  events.*,
  (measured_at AT TIME ZONE getvariable('time_zone'))::DATE AS measured_date
FROM events
