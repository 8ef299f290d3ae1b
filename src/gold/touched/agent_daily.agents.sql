-- Every day with a leg of a changed agent.
SELECT DISTINCT start_date AS day FROM call_legs WHERE agent_id IN (SELECT agent_id FROM changed)
