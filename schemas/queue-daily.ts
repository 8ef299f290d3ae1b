import type { TableContract } from './contract.ts';

/** A row a day and queue (domain section 4). */
export const queueDailyTable: TableContract = {
  columns: [
    { name: 'period', type: 'integer' },
    { name: 'date', type: 'date' },
    { name: 'queue_id', type: 'string' },
    { name: 'calls', type: 'long' },
    { name: 'average_options', type: 'decimal(18,2)' },
    { name: 'average_options_self_service', type: 'decimal(18,2)' },
    { name: 'average_options_transferred', type: 'decimal(18,2)' },
    { name: 'authenticated_calls', type: 'long' },
    { name: 'transferred_calls', type: 'long' },
    { name: 'human_legs', type: 'long' },
    { name: 'transfers', type: 'long' },
    { name: 'improper_transfers', type: 'long' },
    { name: 'average_leg_seconds', type: 'decimal(18,2)' },
  ],
  partitionColumns: ['date'],
};
