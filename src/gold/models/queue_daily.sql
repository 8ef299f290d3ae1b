-- One row a day and queue that a call met on it (domain section 4).
-- Reads: days (day), ivr_calls of these days, call_legs of their calls whatever the day.
WITH calls AS (
  FROM ivr_calls WHERE start_date IN (SELECT day FROM days)
),
legs_of_call AS (
  SELECT
    call_id,
    count(*) AS legs,
    count(*) FILTER (is_transfer) AS leg_transfers,
    count(*) FILTER (is_improper_transfer) AS leg_improper_transfers,
    sum(epoch_us(ended_at) - epoch_us(started_at)) AS leg_us
  FROM call_legs
  WHERE call_id IN (SELECT call_id FROM calls)
  GROUP BY call_id
),
totals AS (
  SELECT
    start_date AS date,
    queue_id,
    count(*) AS calls,
    sum(options_navigated) AS options,
    sum(options_navigated) FILTER (NOT transferred) AS options_self_service,
    sum(options_navigated) FILTER (transferred) AS options_transferred,
    count(*) FILTER (authenticated) AS authenticated_calls,
    count(*) FILTER (transferred) AS transferred_calls,
    coalesce(sum(legs), 0)::BIGINT AS human_legs,
    coalesce(sum(leg_transfers), 0)::BIGINT AS transfers,
    coalesce(sum(leg_improper_transfers), 0)::BIGINT AS improper_transfers,
    sum(leg_us) AS leg_us
  FROM calls
  LEFT JOIN legs_of_call USING (call_id)
  GROUP BY start_date, queue_id
)
SELECT
  (year(date) * 100 + month(date))::INTEGER AS period,
  date,
  queue_id,
  calls,
  ratio(options, calls) AS average_options,
  ratio(options_self_service, calls - transferred_calls) AS average_options_self_service,
  ratio(options_transferred, transferred_calls) AS average_options_transferred,
  authenticated_calls,
  transferred_calls,
  human_legs,
  transfers,
  improper_transfers,
  ratio(leg_us, 1000000 * human_legs) AS average_leg_seconds
FROM totals
