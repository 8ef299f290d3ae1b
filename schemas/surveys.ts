import { z } from 'zod';
import type { Column, EventContract } from './contract.ts';
import { EVENT_COLUMNS, ORIGIN_COLUMNS } from './event-columns.ts';
import { EVENT_HEAD, integer, text, timestamp } from './event-fields.ts';

/** What a customer said of a call afterwards (domain section 1). */
const event = z.object({
  ...EVENT_HEAD,
  survey_id: text(),
  call_id: text(),
  sent_at: timestamp(),
  score: integer(0, 10),
});

const fields: readonly Column[] = [
  ...EVENT_COLUMNS,
  { name: 'survey_id', type: 'string' },
  { name: 'call_id', type: 'string' },
  { name: 'sent_at', type: 'timestamp' },
  { name: 'score', type: 'integer' },
];

export const surveysContract: EventContract = {
  name: 'surveys',
  event,
  fields,
  key: ['survey_id'],
  group: ['survey_id'],
  dayColumn: 'sent_date',
  silver: {
    columns: [...fields, ...ORIGIN_COLUMNS, { name: 'sent_date', type: 'date' }, { name: 'period', type: 'integer' }],
    partitionColumns: ['sent_date'],
  },
  findableBy: [['survey_id'], ['call_id']],
};
