-- Reads the fields of the rows whose body has a known shape, and checks what no shape can. Shape 0: zod must judge;
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
    SELECT *, CASE {shapes} ELSE 0 END AS shape
    FROM (
      SELECT
        *,
        {instants} AS instants,
        -- Without an escape or a control character, and with timestamps in the contract's form: then a body that is
        -- the text of a shape around its own values is sound.
        NOT contains(body, chr(92)) AND NOT contains(body, chr(127)) AND {timestamps} AS is_plain
      FROM (
        SELECT *, json_transform(CASE WHEN NOT is_large AND json_valid(body) THEN body END, {structure}) AS event
        FROM (
          SELECT
            body,
            body_base64,
            enqueued_at,
            partition_id,
            sequence_number,
            {position} AS position,
            {is_large} AS is_large
          FROM {source}
        )
      )
    )
  )
)
