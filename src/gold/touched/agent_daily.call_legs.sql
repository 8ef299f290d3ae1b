-- The days of all legs of the changed legs' calls, and the day of the leg before a changed one in the order of its
-- customer if that starts at most 86,400 seconds earlier: whether that leg had a repeat call may have changed.
-- Of call_legs it sees the files that may hold those calls, and the days from two before a changed leg to its own.
WITH reach AS (
  -- A leg before a changed one starts no earlier and no later, and so does whatever stands between the two.
  SELECT customer_id, min(started_at) - to_seconds(86400) AS earliest, max(started_at) AS latest
  FROM changed
  GROUP BY customer_id
),
around AS (
  SELECT customer_id, started_at, ended_at, call_id, leg_id, start_date, false AS is_changed
  FROM call_legs
  JOIN reach USING (customer_id)
  WHERE started_at BETWEEN earliest AND latest
  UNION ALL
  SELECT customer_id, started_at, ended_at, call_id, leg_id, start_date, true
  FROM changed
),
followed AS (
  -- Old and new versions stand in one order. That finds the same days as either order by itself: between a leg that
  -- stayed and a changed one stand only changed ones, whose own days are touched anyway.
  SELECT
    start_date, is_changed, started_at,
    lead(is_changed) OVER of_customer AS next_is_changed,
    lead(started_at) OVER of_customer AS next_started_at
  FROM around
  WINDOW of_customer AS (PARTITION BY customer_id ORDER BY started_at, ended_at, call_id, leg_id, is_changed DESC)
)
SELECT start_date AS day FROM changed
UNION
SELECT start_date FROM call_legs WHERE call_id IN (SELECT call_id FROM changed)
UNION
SELECT start_date
FROM followed
WHERE next_is_changed AND epoch_us(next_started_at) - epoch_us(started_at) <= 86400000000
