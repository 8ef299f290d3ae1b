-- What local time is ahead of UTC, in microseconds, and from when on: at the first instant, and to the minute where a
-- day differs from the one before.
WITH daily AS (
  SELECT us, shift, lag(us) OVER (ORDER BY us) AS us_before, lag(shift) OVER (ORDER BY us) AS shift_before
  FROM (
    SELECT us, epoch_us(make_timestamptz(us) AT TIME ZONE {time_zone}) - us AS shift
    FROM (SELECT unnest(range($from_us::BIGINT, $to_us::BIGINT, 86400000000)) AS us)
  )
)
SELECT us, shift FROM daily WHERE us_before IS NULL
UNION ALL
SELECT us, epoch_us(make_timestamptz(us) AT TIME ZONE {time_zone}) - us AS shift
FROM (SELECT unnest(range(us_before, us + 1, 60000000)) AS us FROM daily WHERE shift <> shift_before)
ORDER BY us
