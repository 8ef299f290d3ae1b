SELECT
  (SELECT count(*) FROM bronze) AS rows_in,
  (SELECT count(*) FROM judged) AS accepted,
  (SELECT count(*) FROM refused) AS refused
