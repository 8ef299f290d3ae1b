-- One row a survey, from its winning event (domain section 3).
SELECT
  events.*,
  local_date(sent_at) AS sent_date,
  (year(sent_date) * 100 + month(sent_date))::INTEGER AS period
FROM events
