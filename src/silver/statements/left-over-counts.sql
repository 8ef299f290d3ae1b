SELECT count(*) AS rows, count(*) FILTER (is_large) AS large FROM left_over
