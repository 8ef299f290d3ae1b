import { z } from 'zod';
import type { Column, EventContract } from './contract.ts';
import { EVENT_COLUMNS, ORIGIN_COLUMNS, SPAN_COLUMNS } from './event-columns.ts';
import { EVENT_HEAD, INT_MAX, endsAfterStart, id, integer, text, timestamp } from './event-fields.ts';

/** One person's part of a call (domain section 1). */
const event = z
  .object({
    ...EVENT_HEAD,
    call_id: text(),
    leg_id: text(),
    customer_id: id(),
    agent_id: integer(1, INT_MAX),
    started_at: timestamp(),
    ended_at: timestamp(),
    area: text(1, 64),
  })
  .refine(endsAfterStart, { error: 'ends_before_start' });

const fields: readonly Column[] = [
  ...EVENT_COLUMNS,
  { name: 'call_id', type: 'string' },
  { name: 'leg_id', type: 'string' },
  { name: 'customer_id', type: 'long' },
  { name: 'agent_id', type: 'integer' },
  { name: 'started_at', type: 'timestamp' },
  { name: 'ended_at', type: 'timestamp' },
  { name: 'area', type: 'string' },
];

/** Derived over all the legs of a call (domain section 3). */
const transferColumns: readonly Column[] = [
  { name: 'is_transfer', type: 'boolean' },
  { name: 'is_improper_transfer', type: 'boolean' },
];

export const callLegsContract: EventContract = {
  name: 'call_legs',
  event,
  fields,
  key: ['call_id', 'leg_id'],
  group: ['call_id'],
  dayColumn: 'start_date',
  silver: {
    columns: [...fields, ...ORIGIN_COLUMNS, ...SPAN_COLUMNS, ...transferColumns],
    partitionColumns: ['start_date'],
  },
  findableBy: [['call_id']],
};
