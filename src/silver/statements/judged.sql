-- The accepted events as `judged` has them: instants came as microseconds.
CREATE OR REPLACE TABLE judged AS SELECT * REPLACE ({instants}) FROM appended
