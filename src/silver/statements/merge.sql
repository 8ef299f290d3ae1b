-- Rows there (`stored`: those of the files that hold an affected group) against the batch's winners (`incoming`).
CREATE OR REPLACE TABLE standing AS
SELECT {columns} FROM stored SEMI JOIN incoming USING ({group});

-- The winners of the affected groups (domain section 3). A row against itself, judged again, stays as it is.
CREATE OR REPLACE TABLE events AS
SELECT {event_columns}
FROM (
  SELECT {event_columns}, false AS is_new FROM standing
  UNION ALL
  SELECT {event_columns}, true FROM incoming
)
QUALIFY row_number() OVER (
  PARTITION BY {key} ORDER BY produced_at DESC, enqueued_at, partition_id, sequence_number, is_new
) = 1;

CREATE OR REPLACE TABLE fresh AS
SELECT {columns} FROM (
{model}
);

-- What a re-sent event leaves as it was is not written again.
CREATE OR REPLACE TABLE changed AS
SELECT fresh.*
FROM fresh
LEFT JOIN standing USING ({key})
WHERE row({fresh_values}) IS DISTINCT FROM row({standing_values});
