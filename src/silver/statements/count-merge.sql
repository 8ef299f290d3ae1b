SELECT
  (SELECT count(*) FROM changed) AS changed_rows,
  (SELECT count(*) FROM changed ANTI JOIN standing USING ({key})) AS new_keys
