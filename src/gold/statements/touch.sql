SELECT DISTINCT day::VARCHAR AS day FROM (
{touched_days}
) WHERE day IS NOT NULL
