-- Bodies with a mark in front: the driver drops a byte-order mark at the head of a string.
SELECT '|' || body AS marked_body, body_base64, partition_id, sequence_number, epoch_us(enqueued_at) AS enqueued_us
FROM bronze
