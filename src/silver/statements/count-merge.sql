SELECT
  (SELECT count(*) FROM incoming) AS incoming,
  (SELECT count(*) FROM standing) AS standing,
  (SELECT count(*) FROM met) AS met,
  (SELECT count(*) FROM fresh) AS modelled,
  (SELECT count(*) FROM unchanged) AS unchanged,
  (SELECT count(*) FROM replaced) AS replaced
