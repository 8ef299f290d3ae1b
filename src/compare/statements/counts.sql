-- Rows of both sides, rows of one side alone by key, and rows beyond the first of their key.
SELECT
  (SELECT count(*) FROM engine) AS engine_rows,
  (SELECT count(*) FROM reference) AS reference_rows,
  (SELECT count(*) FROM engine ANTI JOIN reference USING ({key})) AS only_engine,
  (SELECT count(*) FROM reference ANTI JOIN engine USING ({key})) AS only_reference,
  (SELECT count(*) FROM engine) - (SELECT count(*) FROM (SELECT DISTINCT {key} FROM engine)) AS engine_repeated,
  (SELECT count(*) FROM reference) - (SELECT count(*) FROM (SELECT DISTINCT {key} FROM reference)) AS reference_repeated
