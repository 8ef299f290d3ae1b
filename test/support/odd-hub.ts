import { join } from 'node:path';
import { randomNumbers } from '../../bench/bodies.ts';
import { valueAt } from '../../src/base/byte-column.ts';
import type { EventBatch } from '../../src/eventhubs/eventhubs.ts';
import { PartitionLog } from '../../src/hub/partition-log.ts';
import { data } from './amqp-bytes.ts';
import { oddEvent } from './odd-events.ts';

/** Fills a partition of a hub that is not running: events of every form, past AMQP, some with a key, a few large. */
export function fillOdd(dataFolder: string, hub: string, partitionId: string, count: number, seed: number): void {
  const random = randomNumbers(seed);
  const log = new PartitionLog(join(dataFolder, 'hubs', hub, partitionId), partitionId);
  for (let i = 0; i < count; i++) {
    const payload = i % 500 === 250 ? data(Buffer.alloc(200_000 + (random() % 700_000), i)) : oddEvent(random);
    const partitionKey = random() % 3 === 0 ? `key ${random() % 50}` : undefined;
    log.append({ payload, starts: [0], ends: [payload.length] }, Date.UTC(2026, 0, 5) + i, partitionKey);
  }
  log.close();
}

/** Every column of an event, as text. */
export function textOf(batch: EventBatch, row: number): string {
  const columns = [batch.bodies, batch.offsets, batch.partitionKeys, batch.properties].map((column) => {
    const value = valueAt(column, row);
    if ((value === undefined) !== (column.nulls?.[row] === 1)) throw new Error('a null that is none');
    return value === undefined ? 'null' : Buffer.from(value).toString('latin1');
  });
  return [batch.sequenceNumbers[row], batch.enqueuedAtUs[row], ...columns].map(String).join('|');
}
