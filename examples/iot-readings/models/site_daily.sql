-- One row a day and site. Reads: days (day), readings of these days, sensors.
SELECT
  measured_date AS date,
  site,
  count(*) AS readings,
  count(DISTINCT sensor_id) AS sensors,
  ratio(sum(temperature_milli), 1000 * count(*)) AS mean_celsius,
  ratio(min(temperature_milli), 1000) AS lowest_celsius,
  ratio(max(temperature_milli), 1000) AS highest_celsius,
  ratio(sum(humidity_percent), count(humidity_percent)) AS mean_humidity_percent
FROM readings
LEFT JOIN sensors USING (sensor_id)
WHERE measured_date IN (SELECT day FROM days)
GROUP BY measured_date, site
