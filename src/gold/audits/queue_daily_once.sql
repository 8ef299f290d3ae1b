-- A day and queue twice.
SELECT date, queue_id FROM rows GROUP BY date, queue_id HAVING count(*) > 1
