CREATE OR REPLACE TABLE "rows" AS
SELECT {columns} FROM (
{model}
)
