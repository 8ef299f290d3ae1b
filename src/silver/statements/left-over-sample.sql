SELECT '|' || body AS marked_body FROM left_over WHERE body IS NOT NULL LIMIT {rows}
