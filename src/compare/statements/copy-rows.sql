COPY (FROM dimension) TO $file (FORMAT parquet)
