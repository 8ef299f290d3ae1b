-- Rows there (`stored`: those of the files that may hold an affected group) against the batch's winners (`incoming`).
CREATE OR REPLACE TABLE standing AS
SELECT {columns}, {file} FROM stored SEMI JOIN incoming USING ({group});

-- The winners of the affected groups (domain section 3). A row against itself, judged again, stays as it is. Groups
-- that are new have nothing to win against.
CREATE OR REPLACE VIEW events AS
SELECT {event_columns} FROM incoming ANTI JOIN standing USING ({group})
UNION ALL
SELECT {event_columns}
FROM (
  SELECT {event_columns}, false AS is_new FROM standing
  UNION ALL
  SELECT {event_columns}, true FROM incoming SEMI JOIN standing USING ({group})
)
QUALIFY row_number() OVER (
  PARTITION BY {key} ORDER BY produced_at DESC, enqueued_at, partition_id, sequence_number, is_new
) = 1;

CREATE OR REPLACE TABLE fresh AS
SELECT {columns} FROM (
{model}
);

-- What a re-sent event leaves as it was is not written again.
CREATE OR REPLACE TABLE unchanged AS
SELECT {key}
FROM fresh
JOIN standing USING ({key})
WHERE row({fresh_values}) IS NOT DISTINCT FROM row({standing_values});

CREATE OR REPLACE VIEW changed AS FROM fresh ANTI JOIN unchanged USING ({key});

-- Rows that go: their former versions, each in its file and day.
CREATE OR REPLACE TABLE replaced AS
SELECT {key}, {day}, {file} FROM standing SEMI JOIN changed USING ({key});
