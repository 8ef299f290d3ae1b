-- One row a reading, from its winning event.
SELECT
  events.*,
  local_date(measured_at) AS measured_date
FROM events
