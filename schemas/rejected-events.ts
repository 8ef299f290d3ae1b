import type { TableContract } from './contract.ts';

/** One row a bronze row that is no event of its dataset, with the one reason (domain section 3). */
export const rejectedEventsTable: TableContract = {
  columns: [
    { name: 'dataset', type: 'string' },
    { name: 'partition_id', type: 'integer' },
    { name: 'sequence_number', type: 'long' },
    { name: 'enqueued_at', type: 'timestamp' },
    { name: 'reason', type: 'string' },
    { name: 'body', type: 'string' },
    { name: 'body_base64', type: 'string' },
    { name: 'rejected_at', type: 'timestamp' },
  ],
  partitionColumns: [],
  withoutBounds: ['body', 'body_base64'],
};
