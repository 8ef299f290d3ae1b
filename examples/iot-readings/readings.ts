import {
  EVENT_COLUMNS,
  EVENT_HEAD,
  ORIGIN_COLUMNS,
  integer,
  optional,
  text,
  timestamp,
  z,
  type Column,
  type DatasetContract,
} from 'sluice/pipeline-kit';

/** What a sensor measured. A correction is the same reading_id again, produced later: the later version counts. */
const event = z.object({
  ...EVENT_HEAD,
  reading_id: text(),
  sensor_id: text(1, 64),
  measured_at: timestamp(),
  /** Thousandths of a degree Celsius: JSON integers are exact. */
  temperature_milli: integer(-90_000, 200_000),
  humidity_percent: optional(integer(0, 100)),
});

const fields: readonly Column[] = [
  ...EVENT_COLUMNS,
  { name: 'reading_id', type: 'string' },
  { name: 'sensor_id', type: 'string' },
  { name: 'measured_at', type: 'timestamp' },
  { name: 'temperature_milli', type: 'integer' },
  { name: 'humidity_percent', type: 'integer' },
];

export const readings: DatasetContract = {
  name: 'readings',
  event,
  fields,
  key: ['reading_id'],
  group: ['reading_id'],
  dayColumn: 'measured_date',
  silver: {
    columns: [...fields, ...ORIGIN_COLUMNS, { name: 'measured_date', type: 'date' }],
    partitionColumns: ['measured_date'],
  },
  findableBy: [['reading_id']],
  model: new URL('models/readings.sql', import.meta.url),
  audits: [new URL('audits/readings.sql', import.meta.url)],
};
