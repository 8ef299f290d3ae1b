-- One row a call that met the voice menu, from its winning event (domain section 3).
SELECT
  events.*,
  local_date(started_at) AS start_date,
  local_date(ended_at) AS end_date,
  (year(start_date) * 100 + month(start_date))::INTEGER AS period
FROM events
