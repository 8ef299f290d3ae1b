-- One row a call that met the voice menu, from its winning event (domain section 3).
SELECT
  events.*,
  (started_at AT TIME ZONE getvariable('time_zone'))::DATE AS start_date,
  (ended_at AT TIME ZONE getvariable('time_zone'))::DATE AS end_date,
  (year(start_date) * 100 + month(start_date))::INTEGER AS period
FROM events
