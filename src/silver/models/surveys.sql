-- One row a survey, from its winning event (domain section 3).
SELECT
  events.*,
  (sent_at AT TIME ZONE getvariable('time_zone'))::DATE AS sent_date,
  (year(sent_date) * 100 + month(sent_date))::INTEGER AS period
FROM events
