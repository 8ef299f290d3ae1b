SELECT
  count(*) AS rows,
  coalesce(sum(coalesce(strlen(body), 0) + coalesce(strlen(body_base64), 0)), 0)::BIGINT AS bytes
FROM {relation}
