-- Bronze rows first .. first + rows - 1 of call_legs as a hub would hold them: four legs a call, in order of time but
-- for ten minutes; one in a hundred is no event, in sixteen ways, and one in twenty is an earlier event sent again.
CREATE OR REPLACE TABLE staged AS
WITH numbers AS (
  SELECT
    range AS number,
    -- The event that is told: for one sent again, that of 1,001 rows before.
    CASE WHEN $hostile AND number % 20 = 7 AND number >= 1001 THEN number - 1001 ELSE number END AS event,
    event // 4 AS call
  FROM range($first::BIGINT, $first::BIGINT + $rows::BIGINT)
),
ids AS (
  SELECT
    *,
    md5('event ' || event) AS event_hex,
    md5('call ' || call) AS call_hex,
    md5('leg ' || event) AS leg_hex,
    $start_us::BIGINT + event * $apart_us::BIGINT + (hash(call, 1) % 600000000)::BIGINT AS called_us,
    called_us + (event % 4) * 300000000 AS started_us,
    started_us + (hash(event, 2) % 300000000)::BIGINT AS ended_us
  FROM numbers
),
good AS (
  SELECT
    *,
    format(
      '{{"event_id":"{}","produced_at":"{}","call_id":"{}","leg_id":"{}","customer_id":{},"agent_id":{},'
      || '"started_at":"{}","ended_at":"{}","area":"{}"}}',
      format('{}-{}-4{}-a{}-{}', event_hex[:8], event_hex[9:12], event_hex[14:16], event_hex[18:20], event_hex[21:]),
      strftime(make_timestamp(ended_us), '%Y-%m-%dT%H:%M:%S.%fZ'),
      format('{}-{}-4{}-a{}-{}', call_hex[:8], call_hex[9:12], call_hex[14:16], call_hex[18:20], call_hex[21:]),
      format('{}-{}-4{}-a{}-{}', leg_hex[:8], leg_hex[9:12], leg_hex[14:16], leg_hex[18:20], leg_hex[21:]),
      1 + hash(call, 3) % 10000,
      1 + hash(event, 4) % 1000,
      strftime(make_timestamp(started_us), '%Y-%m-%dT%H:%M:%S.%fZ'),
      strftime(make_timestamp(ended_us), '%Y-%m-%dT%H:%M:%S.%fZ'),
      ['Cards', 'Financing', 'Collections', 'Relationship'][1 + (hash(event, 5) % 4)::BIGINT]
    ) AS good_body
  FROM ids
),
bodies AS (
  SELECT
    *,
    CASE WHEN $hostile AND number % 100 = 3 THEN (number // 100) % 16 END AS kind,
    CASE kind
      WHEN 0 THEN good_body[:100]
      WHEN 1 THEN ''
      WHEN 2 THEN '<event/>'
      WHEN 3 THEN '[' || good_body || ']'
      WHEN 4 THEN replace(good_body, '"area"', '"aera"')
      WHEN 5 THEN regexp_replace(good_body, '"agent_id":(\d+)', '"agent_id":"\1"')
      WHEN 6 THEN regexp_replace(good_body, '"agent_id":\d+', '"agent_id":0')
      WHEN 7 THEN regexp_replace(good_body, '"ended_at":"2026-..-..', '"ended_at":"2026-02-30')
      WHEN 8 THEN regexp_replace(good_body, '"ended_at":"(.{10})T..', '"ended_at":"\1T24')
      WHEN 9 THEN regexp_replace(good_body, '"ended_at":"2026', '"ended_at":"2025')
      WHEN 10 THEN replace(good_body, '}', ',"area":"Cards"}')
      WHEN 11 THEN replace(good_body, '"area":"', '"area":"\ud800')
      WHEN 12 THEN NULL
      WHEN 13 THEN chr(65279) || good_body
      WHEN 14 THEN regexp_replace(good_body, '"customer_id":\d+', '"customer_id":NaN')
      WHEN 15 THEN regexp_replace(good_body, '"customer_id":(\d+)', '"customer_id":\1.0')
      ELSE good_body
    END AS body
  FROM good
)
SELECT
  body,
  CASE WHEN body IS NULL THEN '/w==' END AS body_base64,
  NULL::VARCHAR AS properties,
  (call % 4)::INTEGER AS partition_id,
  number AS sequence_number,
  (number * 400)::VARCHAR AS "offset",
  make_timestamptz(ended_us) AS enqueued_at,
  NULL::VARCHAR AS partition_key,
  make_timestamptz(ended_us) AS ingested_at,
  'bench' AS run_id,
  make_timestamp($start_us::BIGINT)::DATE AS ingestion_date
FROM bodies
