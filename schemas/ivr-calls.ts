import { z } from 'zod';
import type { Column, EventContract } from './contract.ts';
import { EVENT_COLUMNS, ORIGIN_COLUMNS, SPAN_COLUMNS } from './event-columns.ts';
import { EVENT_HEAD, endsAfterStart, flag, id, integer, text, timestamp } from './event-fields.ts';

/** A call as the voice menu saw it (domain section 1). */
const event = z
  .object({
    ...EVENT_HEAD,
    call_id: text(),
    customer_id: id(),
    started_at: timestamp(),
    ended_at: timestamp(),
    authenticated: flag(),
    options_navigated: integer(0, 1000),
    option_code: text(1, 16),
    transferred: flag(),
    queue_id: text(1, 64),
  })
  .refine(endsAfterStart, { error: 'ends_before_start' });

const fields: readonly Column[] = [
  ...EVENT_COLUMNS,
  { name: 'call_id', type: 'string' },
  { name: 'customer_id', type: 'long' },
  { name: 'started_at', type: 'timestamp' },
  { name: 'ended_at', type: 'timestamp' },
  { name: 'authenticated', type: 'boolean' },
  { name: 'options_navigated', type: 'integer' },
  { name: 'option_code', type: 'string' },
  { name: 'transferred', type: 'boolean' },
  { name: 'queue_id', type: 'string' },
];

export const ivrCallsContract: EventContract = {
  name: 'ivr_calls',
  event,
  fields,
  key: ['call_id'],
  group: ['call_id'],
  dayColumn: 'start_date',
  silver: { columns: [...fields, ...ORIGIN_COLUMNS, ...SPAN_COLUMNS], partitionColumns: ['start_date'] },
  findableBy: [['call_id']],
};
