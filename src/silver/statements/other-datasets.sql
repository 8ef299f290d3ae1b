-- What a file of rejected events holds of other datasets than the one that is built anew.
CREATE OR REPLACE TABLE others AS FROM mixed WHERE dataset <> $dataset
