import type { TableContract } from './contract.ts';

/** A row a day and agent (domain section 4). */
export const agentDailyTable: TableContract = {
  columns: [
    { name: 'period', type: 'integer' },
    { name: 'date', type: 'date' },
    { name: 'agent_id', type: 'integer' },
    { name: 'agent_name', type: 'string' },
    { name: 'agent_area', type: 'string' },
    { name: 'supervisor_name', type: 'string' },
    { name: 'coordinator_name', type: 'string' },
    { name: 'manager_name', type: 'string' },
    { name: 'superintendent_name', type: 'string' },
    { name: 'handled_legs', type: 'long' },
    { name: 'transfers', type: 'long' },
    { name: 'transfer_pct', type: 'decimal(18,2)' },
    { name: 'improper_transfers', type: 'long' },
    { name: 'improper_transfer_pct', type: 'decimal(18,2)' },
    { name: 'repeat_calls', type: 'long' },
    { name: 'repeat_call_pct', type: 'decimal(18,2)' },
    { name: 'average_handle_seconds', type: 'decimal(18,2)' },
    { name: 'promoters', type: 'long' },
    { name: 'neutrals', type: 'long' },
    { name: 'detractors', type: 'long' },
    { name: 'nps', type: 'decimal(18,2)' },
  ],
  partitionColumns: ['date'],
};
