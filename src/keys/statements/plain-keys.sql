-- Keys in a form whose pages can be read as they are.
COPY (SELECT {columns} FROM {from}) TO $target (FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)
