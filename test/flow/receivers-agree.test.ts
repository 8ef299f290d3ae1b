import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomNumbers } from '../../bench/bodies.ts';
import { systemClock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { openEventSource } from '../../src/eventhubs/eventhubs.ts';
import type { EventSource, Receiver } from '../../src/eventhubs/eventhubs.ts';
import { startHub } from '../../src/hub/hub.ts';
import type { RunningHub } from '../../src/hub/hub.ts';
import { fillOdd, textOf } from '../support/odd-hub.ts';

/** Seeds that ever failed stay here. */
const SEEDS = [1, 2];
const EVENTS = 2_000;
const PARTITIONS = 1;
const never = new AbortController().signal;
let folder: string;
let hub: RunningHub;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-agree-'));
  for (const seed of SEEDS)
    for (let index = 0; index < PARTITIONS; index++) {
      fillOdd(folder, `odd-${seed}`, String(index), EVENTS, seed * 1000 + index);
    }
  const hubs = SEEDS.map((seed) => ({ name: `odd-${seed}`, partitionCount: PARTITIONS, consumerGroups: [] }));
  hub = await startHub({ amqpPort: 0, tlsPort: 'off', healthPort: 'off', dataFolder: folder, hubs });
});

afterAll(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Every column of every event, as text; with a fault of the seed's choice after some batches. */
async function rowsOf(receiver: Receiver, seed: number, partitionId: string): Promise<string[]> {
  const random = randomNumbers(seed * 77 + Number(partitionId));
  const options = { connection: hub.connectionString, hub: `odd-${seed}`, consumerGroup: '$Default', receiver };
  const source: EventSource = openEventSource({ ...options, clock: systemClock, log: silentLog, random: () => 0.1 });
  const range = { partitionId, firstSequenceNumber: 17, lastSequenceNumber: EVENTS - 5 };
  const rows: string[] = [];
  let faults = 0;
  for await (const batch of source.receive(
    { ...range, ownerLevel: 3, consumerGroup: '$Default', bytesMax: 24 * MiB },
    never,
  )) {
    for (let row = 0; row < batch.count; row++) rows.push(textOf(batch, row));
    if (faults >= 3 || random() % 4 !== 0) continue;
    faults++;
    fault(random() % FAULTS);
  }
  await source.close();
  return rows;
}

const FAULTS = 5;

function fault(which: number): void {
  const { faults } = hub;
  if (which === 0) faults.dropSockets();
  else if (which === 1) faults.closeConnections();
  else if (which === 2) faults.endSessions({ condition: 'amqp:internal-error', description: 'an error' });
  else faults.detachLinks({ condition: 'amqp:link:detach-forced', description: 'maintenance' });
  faults.leaveUnsettled(which === 3);
}

test.for(SEEDS)(
  'both receivers give the same bytes in every column, whatever breaks meanwhile (seed %i)',
  async (seed) => {
    for (let index = 0; index < PARTITIONS; index++) {
      const direct = await rowsOf('direct', seed, String(index));
      const sdk = await rowsOf('sdk', seed, String(index));
      expect(direct.length).toBe(EVENTS - 5 - 17 + 1);
      const different = direct.findIndex((row, i) => row !== sdk[i]);
      expect([different, direct[different]?.slice(0, 400)]).toEqual([-1, undefined]);
      expect(sdk.length).toBe(direct.length);
    }
  },
);
