CREATE OR REPLACE TABLE source AS FROM read_parquet($file)
