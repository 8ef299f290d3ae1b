-- What one part of a slice has accepted goes to that of the parts before.
CREATE TABLE IF NOT EXISTS gathered AS FROM judged LIMIT 0;
INSERT INTO gathered FROM judged;
DROP TABLE judged
