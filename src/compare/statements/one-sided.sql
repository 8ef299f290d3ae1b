SELECT {key_text} AS key FROM {side} ANTI JOIN {other} USING ({key}) ORDER BY key LIMIT $most
