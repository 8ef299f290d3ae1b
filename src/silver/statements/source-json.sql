-- Values stay JSON: by themselves some texts would be taken for dates.
CREATE OR REPLACE TABLE source AS FROM read_json($file, maximum_depth = 1, sample_size = -1)
