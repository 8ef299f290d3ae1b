-- Rows of bronze in a form whose pages can be read as they are.
COPY (SELECT body, body_base64, partition_id, sequence_number, enqueued_at FROM {relation})
TO $file (FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE {rows})
