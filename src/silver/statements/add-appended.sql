-- Instants were appended as microseconds.
INSERT INTO judged BY NAME SELECT * REPLACE ({instants}) FROM appended
