-- The calls of the days from $first_day on: so many a day, evenly spread over so long from its start on.
CREATE OR REPLACE TABLE calls AS
SELECT
  day,
  call,
  md5(concat_ws(' ', $series, day, call))::UUID::VARCHAR AS call_id,
  1 + (hash(day, call, 1) % 10000)::BIGINT AS customer_id,
  -- The business day begins at 03:00 UTC.
  day::TIMESTAMP AT TIME ZONE 'UTC'
    + to_microseconds((10800000000 + $from_us + call * ($span_us // $calls))::BIGINT) AS started_at
FROM
  (SELECT $first_day::DATE + n::INTEGER AS day FROM range($days::BIGINT) AS d (n)),
  range($calls::BIGINT) AS c (call)
