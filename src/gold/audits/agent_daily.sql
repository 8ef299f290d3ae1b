-- Parts are not greater than the whole.
FROM rows
WHERE handled_legs < 1
  OR transfers > handled_legs
  OR improper_transfers > transfers
  OR repeat_calls > handled_legs
  OR promoters + neutrals + detractors > handled_legs
  OR nps NOT BETWEEN -100 AND 100
