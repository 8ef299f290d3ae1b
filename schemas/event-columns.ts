import type { Column } from './contract.ts';

/** First fields of every event. */
export const EVENT_COLUMNS: readonly Column[] = [
  { name: 'event_id', type: 'string' },
  { name: 'produced_at', type: 'timestamp' },
];

/** What a silver row keeps of its bronze row, and when it was written (domain section 3). */
export const ORIGIN_COLUMNS: readonly Column[] = [
  { name: 'enqueued_at', type: 'timestamp' },
  { name: 'partition_id', type: 'integer' },
  { name: 'sequence_number', type: 'long' },
  { name: 'loaded_at', type: 'timestamp' },
];

/** Days of something that lasts, in the business time zone, and the first one's month as yyyyMM. */
export const SPAN_COLUMNS: readonly Column[] = [
  { name: 'start_date', type: 'date' },
  { name: 'end_date', type: 'date' },
  { name: 'period', type: 'integer' },
];
