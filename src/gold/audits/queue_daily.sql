-- Parts are not greater than the whole.
FROM rows
WHERE calls < 1
  OR transferred_calls > calls
  OR authenticated_calls > calls
  OR transfers > human_legs
  OR improper_transfers > transfers
