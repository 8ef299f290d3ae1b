-- Every day with a leg of a changed agent: he has a row on it, unless his legs changed too. Those touch their days.
SELECT DISTINCT date AS day FROM agent_daily WHERE agent_id IN (SELECT agent_id FROM changed)
