import type { TableContract } from './contract.ts';

/** Ranges of sequence numbers that no bronze row has, both ends inclusive (domain section 2). */
export const gapsTable: TableContract = {
  columns: [
    { name: 'dataset', type: 'string' },
    { name: 'partition_id', type: 'integer' },
    { name: 'first_sequence_number', type: 'long' },
    { name: 'last_sequence_number', type: 'long' },
    { name: 'reason', type: 'string' },
    { name: 'found_at', type: 'timestamp' },
    { name: 'run_id', type: 'string' },
  ],
  partitionColumns: [],
};
