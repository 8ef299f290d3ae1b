-- Rows there (`stored`: those of the files that may hold an affected group) against the batch's winners (`incoming`).
CREATE OR REPLACE TABLE standing AS
SELECT {columns}, {file} FROM stored SEMI JOIN incoming USING ({group});

-- Keys on both sides, and whether the row there wins (domain section 3). Against itself, judged again, it does.
CREATE OR REPLACE TABLE met AS
SELECT
  {key},
  incoming.number,
  coalesce(
    standing.produced_at > incoming.produced_at
      OR (
        standing.produced_at = incoming.produced_at
        AND row(standing.enqueued_at, standing.partition_id, standing.sequence_number)
          <= row(incoming.enqueued_at, incoming.partition_id, incoming.sequence_number)
      ),
    false
  ) AS stands
FROM incoming
JOIN standing USING ({key});

-- The winners of the affected groups: the batch is read once, whole.
CREATE OR REPLACE VIEW events AS
SELECT {event_columns} FROM incoming ANTI JOIN (FROM met WHERE stands) USING (number)
UNION ALL
SELECT {event_columns} FROM standing ANTI JOIN (FROM met WHERE NOT stands) USING ({key});

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

-- Rows that go: their former versions, each in its file and day.
CREATE OR REPLACE TABLE replaced AS
SELECT {key}, {day}, {file} FROM standing ANTI JOIN unchanged USING ({key});
