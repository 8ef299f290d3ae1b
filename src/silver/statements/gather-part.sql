-- What one part of a slice has accepted goes to that of the parts before.
INSERT INTO gathered BY NAME FROM judged;
DROP TABLE judged
