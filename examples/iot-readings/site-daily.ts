import type { GoldViewContract } from 'sluice/pipeline-kit';

/** One row a day and site that has a reading on it; readings of an unknown sensor are those of the site null. */
export const siteDaily: GoldViewContract = {
  name: 'site_daily',
  table: {
    columns: [
      { name: 'date', type: 'date' },
      { name: 'site', type: 'string' },
      { name: 'readings', type: 'long' },
      { name: 'sensors', type: 'long' },
      { name: 'mean_celsius', type: 'decimal(18,2)' },
      { name: 'lowest_celsius', type: 'decimal(18,2)' },
      { name: 'highest_celsius', type: 'decimal(18,2)' },
      { name: 'mean_humidity_percent', type: 'decimal(18,2)' },
    ],
    partitionColumns: ['date'],
  },
  dayColumn: 'date',
  model: new URL('models/site_daily.sql', import.meta.url),
  audits: [new URL('audits/site_daily.sql', import.meta.url)],
  reads: [
    {
      table: 'readings',
      touchedDays: new URL('touched/site_daily.readings.sql', import.meta.url),
      window: { column: 'measured_date', daysAhead: 0 },
    },
    { table: 'sensors', touchedDays: new URL('touched/site_daily.sensors.sql', import.meta.url) },
  ],
  draws: [{ title: 'Mean temperature, by site', label: 'site', measure: 'mean_celsius', top: 10 }],
};
