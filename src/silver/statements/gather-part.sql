-- The verdicts on one part of a slice go to those on the parts before.
CREATE TABLE IF NOT EXISTS gathered_judged AS FROM judged LIMIT 0;
CREATE TABLE IF NOT EXISTS gathered_refused AS FROM refused LIMIT 0;
INSERT INTO gathered_judged FROM judged;
INSERT INTO gathered_refused FROM refused;
DROP TABLE judged;
DROP TABLE refused
