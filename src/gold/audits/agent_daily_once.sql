-- A day and agent twice.
SELECT date, agent_id FROM rows GROUP BY date, agent_id HAVING count(*) > 1
