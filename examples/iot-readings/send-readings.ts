import { parseArgs } from 'node:util';
import { EventHubProducerClient } from '@azure/event-hubs';
import { correctionsOfDay, readingsOfDay } from './readings-of-day.ts';

// Sends a day of readings, or the corrections of a day, to the hub `readings` of SLUICE_EVENTHUBS:
//   npx node examples/iot-readings/send-readings.ts --day 2026-03-01 [--corrections]
const { values } = parseArgs({
  options: { day: { type: 'string', default: '2026-03-01' }, corrections: { type: 'boolean', default: false } },
});
const readings = values.corrections ? correctionsOfDay(values.day) : readingsOfDay(values.day);
const client = new EventHubProducerClient(process.env['SLUICE_EVENTHUBS'] ?? '', 'readings');
try {
  const bySensor = Map.groupBy(readings, ({ sensor_id }) => sensor_id);
  for (const [partitionKey, events] of bySensor) {
    const batch = await client.createBatch({ partitionKey });
    for (const body of events) {
      if (!batch.tryAdd({ body })) throw new Error(`a day of ${partitionKey} does not fit into one batch`);
    }
    await client.sendBatch(batch);
  }
  process.stdout.write(`${readings.length} readings sent\n`);
} finally {
  await client.close();
}
