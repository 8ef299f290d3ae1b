INSERT INTO touched SELECT day FROM (
{touched_days}
)
