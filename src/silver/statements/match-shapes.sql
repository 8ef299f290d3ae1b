-- Reads the fields of the rows whose body has a known shape, and checks what no pattern can. Shape 0: zod must judge;
-- only then does the row keep its body, a large one aside.
SELECT
  {values},
  enqueued_at,
  partition_id,
  sequence_number,
  position,
  shape,
  is_large,
  CASE WHEN shape = 0 AND NOT is_large THEN body END AS body,
  CASE WHEN shape = 0 AND NOT is_large THEN body_base64 END AS body_base64
FROM (
  SELECT * REPLACE (CASE WHEN {checks} THEN shape ELSE 0 END AS shape)
  FROM (
    SELECT *, json_transform(CASE WHEN shape > 0 THEN body END, {structure}) AS event
    FROM (
      SELECT
        body,
        body_base64,
        enqueued_at,
        partition_id,
        sequence_number,
        {position} AS position,
        {is_large} AS is_large,
        CASE WHEN is_large THEN 0 {shapes} ELSE 0 END AS shape
      FROM {source}
    )
  )
)
