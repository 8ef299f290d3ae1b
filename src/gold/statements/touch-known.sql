INSERT INTO touched SELECT unnest($days)::DATE
