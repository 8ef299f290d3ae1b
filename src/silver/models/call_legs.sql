-- One row a leg, from its winning event; the flags look at all the legs of the call (domain section 3).
SELECT
  events.*,
  (started_at AT TIME ZONE getvariable('time_zone'))::DATE AS start_date,
  (ended_at AT TIME ZONE getvariable('time_zone'))::DATE AS end_date,
  (year(start_date) * 100 + month(start_date))::INTEGER AS period,
  lead(leg_id) OVER legs_of_call IS NOT NULL AS is_transfer,
  coalesce(lead(area) OVER legs_of_call = area, false) AS is_improper_transfer
FROM events
WINDOW legs_of_call AS (PARTITION BY call_id ORDER BY started_at, ended_at, leg_id)
