-- The mean lies between the lowest and the highest, and each sensor has a reading.
FROM rows
WHERE mean_celsius NOT BETWEEN lowest_celsius AND highest_celsius
  OR sensors > readings
  OR readings < 1
