SELECT
  (SELECT count(*) FROM events) AS events,
  (SELECT count(*) FROM fresh) AS modelled,
  (SELECT count(*) FROM changed) AS changed,
  (SELECT count(*) FROM changed ANTI JOIN standing USING ({key})) AS new_keys
