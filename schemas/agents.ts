import { z } from 'zod';
import type { DimensionContract } from './contract.ts';
import { instant, whole, words } from './dimension-fields.ts';
import { INT_MAX } from './event-fields.ts';

const superiorId = () => whole(1, INT_MAX).nullable();

/** The people who handle legs, with the four levels above them (domain section 1). */
const row = z.object({
  agent_id: whole(1, INT_MAX),
  agent_name: words(),
  email: words(),
  employee_number: words(),
  area: words(),
  supervisor_id: superiorId(),
  supervisor_name: words(),
  coordinator_id: superiorId(),
  coordinator_name: words(),
  manager_id: superiorId(),
  manager_name: words(),
  superintendent_id: superiorId(),
  superintendent_name: words(),
  status: words(),
  registered_at: instant(),
});

export type AgentRow = z.output<typeof row>;

export const agentsContract: DimensionContract = {
  name: 'agents',
  row,
  key: 'agent_id',
  table: {
    columns: [
      { name: 'agent_id', type: 'integer' },
      { name: 'agent_name', type: 'string' },
      { name: 'email', type: 'string' },
      { name: 'employee_number', type: 'string' },
      { name: 'area', type: 'string' },
      { name: 'supervisor_id', type: 'integer' },
      { name: 'supervisor_name', type: 'string' },
      { name: 'coordinator_id', type: 'integer' },
      { name: 'coordinator_name', type: 'string' },
      { name: 'manager_id', type: 'integer' },
      { name: 'manager_name', type: 'string' },
      { name: 'superintendent_id', type: 'integer' },
      { name: 'superintendent_name', type: 'string' },
      { name: 'status', type: 'string' },
      { name: 'registered_at', type: 'timestamp' },
    ],
    partitionColumns: [],
  },
};
