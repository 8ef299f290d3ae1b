-- An improper transfer is a transfer, and a call has exactly one leg without a later one.
SELECT call_id
FROM rows
GROUP BY call_id
HAVING count(*) FILTER (is_improper_transfer AND NOT is_transfer) > 0 OR count(*) FILTER (NOT is_transfer) <> 1
