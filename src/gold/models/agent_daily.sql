-- One row a day and agent who handled a leg on it (domain section 4).
-- Reads: days (day), call_legs of these days and of all that starts up to 86,400 seconds later, surveys, agents.
WITH followed AS (
  SELECT
    call_id, customer_id, agent_id, started_at, ended_at, start_date, is_transfer, is_improper_transfer,
    lead(call_id) OVER of_customer AS next_call_id,
    lead(started_at) OVER of_customer AS next_started_at
  FROM call_legs
  -- By instants, not by days: a day may have 23 or 25 hours.
  WHERE started_at <= (
    SELECT max(started_at) + to_seconds(86400) FROM call_legs WHERE start_date IN (SELECT day FROM days)
  )
  WINDOW of_customer AS (PARTITION BY customer_id ORDER BY started_at, ended_at, call_id, leg_id)
),
own AS (
  FROM followed WHERE start_date IN (SELECT day FROM days)
),
latest_survey AS (
  SELECT call_id, score
  FROM surveys
  WHERE call_id IN (SELECT call_id FROM own)
  QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY sent_at DESC, survey_id DESC) = 1
),
totals AS (
  SELECT
    start_date AS date,
    agent_id,
    count(*) AS handled_legs,
    count(*) FILTER (is_transfer) AS transfers,
    count(*) FILTER (is_improper_transfer) AS improper_transfers,
    count(*) FILTER (
      next_call_id <> call_id AND epoch_us(next_started_at) - epoch_us(started_at) <= 86400000000
    ) AS repeat_calls,
    sum(epoch_us(ended_at) - epoch_us(started_at)) AS handle_us,
    count(*) FILTER (score >= 6) AS promoters,
    count(*) FILTER (score = 5) AS neutrals,
    count(*) FILTER (score <= 4) AS detractors
  FROM own
  LEFT JOIN latest_survey USING (call_id)
  GROUP BY start_date, agent_id
)
SELECT
  (year(date) * 100 + month(date))::INTEGER AS period,
  date,
  agent_id,
  agent_name,
  area AS agent_area,
  supervisor_name,
  coordinator_name,
  manager_name,
  superintendent_name,
  handled_legs,
  transfers,
  ratio(100 * transfers, handled_legs) AS transfer_pct,
  improper_transfers,
  ratio(100 * improper_transfers, handled_legs) AS improper_transfer_pct,
  repeat_calls,
  ratio(100 * repeat_calls, handled_legs) AS repeat_call_pct,
  ratio(handle_us, 1000000 * handled_legs) AS average_handle_seconds,
  promoters,
  neutrals,
  detractors,
  ratio(100 * (promoters - detractors), promoters + neutrals + detractors) AS nps
FROM totals
LEFT JOIN agents USING (agent_id)
