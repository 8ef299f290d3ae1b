-- What ends does not end before it starts, and its days agree with its instants.
FROM rows
WHERE ended_at < started_at OR end_date < start_date - 1
