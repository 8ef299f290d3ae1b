-- One row a leg, from its winning event; the flags look at all the legs of the call (domain section 3).
SELECT
  events.*,
  local_date(started_at) AS start_date,
  local_date(ended_at) AS end_date,
  (year(start_date) * 100 + month(start_date))::INTEGER AS period,
  lead(leg_id) OVER legs_of_call IS NOT NULL AS is_transfer,
  coalesce(lead(area) OVER legs_of_call = area, false) AS is_improper_transfer
FROM events
WINDOW legs_of_call AS (PARTITION BY call_id ORDER BY started_at, ended_at, leg_id)
