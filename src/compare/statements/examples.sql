SELECT
  {key_text} AS key,
  engine.{column}::VARCHAR AS engine,
  reference.{column}::VARCHAR AS reference
FROM engine JOIN reference USING ({key})
WHERE engine.{column} IS DISTINCT FROM reference.{column} AND NOT ({known})
ORDER BY key
LIMIT $most
