import type { Pipeline } from 'sluice/pipeline-kit';
import { readings } from './readings.ts';
import { sensors } from './sensors.ts';
import { siteDaily } from './site-daily.ts';

export const pipeline: Pipeline = {
  name: 'iot_readings',
  datasets: [readings],
  dimensions: [sensors],
  gold: [siteDaily],
};
