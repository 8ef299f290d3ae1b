import type { TableContract } from './contract.ts';

/** One row a run and partition; a run that met no partition has one row without. Rows of a run agree in its columns. */
export const runsTable: TableContract = {
  columns: [
    { name: 'run_id', type: 'string' },
    { name: 'command', type: 'string' },
    { name: 'started_at', type: 'timestamp' },
    { name: 'ended_at', type: 'timestamp' },
    { name: 'run_outcome', type: 'string' },
    { name: 'exit_code', type: 'integer' },
    { name: 'run_seconds', type: 'decimal(18,3)' },
    { name: 'run_cpu_seconds', type: 'decimal(18,3)' },
    { name: 'peak_rss_bytes', type: 'long' },
    { name: 'error', type: 'string' },
    { name: 'dataset', type: 'string' },
    { name: 'hub', type: 'string' },
    { name: 'partition_id', type: 'integer' },
    { name: 'first_sequence_number', type: 'long' },
    { name: 'last_sequence_number', type: 'long' },
    { name: 'rows', type: 'long' },
    { name: 'gap_rows', type: 'long' },
    { name: 'bytes', type: 'long' },
    { name: 'lag_before', type: 'long' },
    { name: 'lag_after', type: 'long' },
    { name: 'outcome', type: 'string' },
  ],
  partitionColumns: [],
};
