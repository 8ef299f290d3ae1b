-- The state of a table, an action a line of JSON, as a V1 log checkpoint: the nesting is what Spark writes.
COPY (
  FROM read_json(
    $actions,
    format = 'newline_delimited',
    columns = {
      txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
      "add": 'STRUCT(
        path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT,
        dataChange BOOLEAN, stats VARCHAR
      )',
      remove: 'STRUCT(
        path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN,
        partitionValues MAP(VARCHAR, VARCHAR), size BIGINT
      )',
      metaData: 'STRUCT(
        id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)),
        schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT
      )',
      protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)'
    }
  )
) TO $file (FORMAT parquet, COMPRESSION zstd)
