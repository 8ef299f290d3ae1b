CREATE OR REPLACE TABLE source AS FROM read_csv($file, header = true, all_varchar = true, nullstr = '')
