import type { TableContract } from './contract.ts';

/** What arrived, unchanged: the same columns for every hub (domain section 2). */
export const bronzeTable: TableContract = {
  columns: [
    { name: 'body', type: 'string' },
    { name: 'body_base64', type: 'string' },
    { name: 'properties', type: 'string' },
    { name: 'partition_id', type: 'integer' },
    { name: 'sequence_number', type: 'long' },
    { name: 'offset', type: 'string' },
    { name: 'enqueued_at', type: 'timestamp' },
    { name: 'partition_key', type: 'string' },
    { name: 'ingested_at', type: 'timestamp' },
    { name: 'run_id', type: 'string' },
    { name: 'ingestion_date', type: 'date' },
  ],
  partitionColumns: ['ingestion_date'],
  withoutBounds: ['body', 'body_base64', 'properties'],
  properties: { 'delta.appendOnly': 'true' },
};
