import { EventHubConsumerClient } from '@azure/event-hubs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { openEventSink, openEventSource } from '../../src/eventhubs/eventhubs.ts';
import type { Receiver } from '../../src/eventhubs/eventhubs.ts';
import { startHub } from '../../src/hub/hub.ts';
import type { RunningHub } from '../../src/hub/hub.ts';

const never = new AbortController().signal;
const RECEIVERS: readonly Receiver[] = ['direct', 'sdk'];
const NAMES = ['dropped', 'detached', 'stolen', 'stalled', 'sizes'].flatMap((name) =>
  RECEIVERS.map((receiver) => `${name}-${receiver}`),
);
let folder: string;
let hub: RunningHub;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  const hubs = [...NAMES, 'beside', 'refused'].map((name) => ({ name, partitionCount: 1, consumerGroups: ['own'] }));
  hub = await startHub({
    amqpPort: 0,
    tlsPort: 'off',
    healthPort: 'off',
    dataFolder: folder,
    hubs,
  });
});

afterAll(async () => {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

async function send(name: string, bodies: readonly Buffer[]): Promise<void> {
  const sink = openEventSink({ connection: hub.connectionString, hub: name });
  await sink.send(
    bodies.map((body) => ({ body })),
    never,
  );
  await sink.close();
}

const small = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`{"n":${i}}`));

/** Reads numbers 0 to `last`, doing something after the first batch. */
async function drain(
  receiver: Receiver,
  name: string,
  last: number,
  afterFirst: () => void | Promise<void> = () => {},
  stallMsMax = 60_000,
) {
  const source = openEventSource({
    connection: hub.connectionString,
    receiver,
    hub: name,
    consumerGroup: 'own',
    clock: systemClock,
    log: silentLog,
    stallMsMax,
  });
  const numbers: number[] = [];
  const request = {
    partitionId: '0',
    firstSequenceNumber: 0,
    lastSequenceNumber: last,
    ownerLevel: 3,
    consumerGroup: 'own',
    bytesMax: 4 * MiB,
  };
  let heldBytesMax = 0;
  try {
    for await (const batch of source.receive(request, never)) {
      if (numbers.length === 0) await afterFirst();
      // Time for all that there is credit for to come in.
      if (batch.heldBytes > MiB) await systemClock.sleep(400, never);
      for (let i = 0; i < batch.count; i++) numbers.push(Number(batch.sequenceNumbers[i]));
      heldBytesMax = Math.max(heldBytesMax, batch.heldBytes);
    }
  } finally {
    await source.close();
  }
  return { numbers, heldBytesMax };
}

const detach = (): void => {
  hub.faults.detachLinks({ condition: 'amqp:link:detach-forced', description: 'maintenance' });
};

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, i) => i);

describe.for(RECEIVERS)('the receiver %s', (receiver) => {
  test('goes on from the next number wanted after the connection dropped', async () => {
    const name = `dropped-${receiver}`;
    await send(name, small(30_000));
    const { numbers } = await drain(receiver, name, 29_999, () => void hub.faults.dropSockets());
    expect(numbers).toEqual(upTo(29_999));
  });

  test('goes on from the next number wanted after its link was detached', async () => {
    const name = `detached-${receiver}`;
    await send(name, small(30_000));
    expect((await drain(receiver, name, 29_999, detach)).numbers).toEqual(upTo(29_999));
  });

  test('gives up with link_stolen where a reader with a higher epoch comes', async () => {
    const name = `stolen-${receiver}`;
    await send(name, small(30_000));
    const thief = new EventHubConsumerClient('own', hub.connectionString, name);
    const steal = (): Promise<void> =>
      new Promise((resolve) => {
        const handlers = { processEvents: async () => resolve(), processError: async () => resolve() };
        thief.subscribe('0', handlers, { ownerLevel: 9, startPosition: { offset: '-1' }, maxBatchSize: 10 });
      });
    await expect(drain(receiver, name, 29_999, steal)).rejects.toMatchObject({ code: 'link_stolen' });
    await expect(drain(receiver, name, 29_999)).rejects.toMatchObject({ code: 'link_stolen' });
    await thief.close();
  });

  test('gives up with receiver_stalled where events are said to wait and none comes', async () => {
    const name = `stalled-${receiver}`;
    await send(name, small(5));
    await expect(drain(receiver, name, 9, undefined, 1_500)).rejects.toMatchObject({ code: 'receiver_stalled' });
  });

  test('takes small events and then large ones, all of them, within a share of a few megabytes', async () => {
    const name = `sizes-${receiver}`;
    const large = Array.from({ length: 40 }, () => Buffer.alloc(700_000, 'x'));
    await send(name, [...small(5_000), ...large]);
    const { numbers, heldBytesMax } = await drain(receiver, name, 5_039);
    expect(numbers).toEqual(upTo(5_039));
    expect(heldBytesMax).toBeGreaterThan(MiB / 2);
    expect(heldBytesMax).toBeLessThan(16 * MiB);
  });
});

test('an event larger than the hub accepts is event_too_large', async () => {
  await expect(send('refused', [Buffer.alloc(1_100_000)])).rejects.toMatchObject({ code: 'event_too_large' });
});

test('another client in the same process is left as it is', async () => {
  await send('beside', [Buffer.from('{"a":1}')]);
  for (const receiver of RECEIVERS) await drain(receiver, 'beside', 0);
  const other = new EventHubConsumerClient('$Default', hub.connectionString, 'beside');
  const body = await new Promise((resolve, reject) => {
    const handlers = {
      processEvents: async ([event]: readonly { body: unknown }[]) => event && resolve(event.body),
      processError: async (error: unknown) => reject(error),
    };
    other.subscribe('0', handlers, { startPosition: { offset: '-1' }, maxWaitTimeInSeconds: 1 });
  });
  expect(body).toEqual({ a: 1 });
  await other.close();
});

test('a source is a source of one hub and namespace', () => {
  const options = { connection: hub.connectionString, hub: 'beside', consumerGroup: 'own' };
  const source = openEventSource({ ...options, clock: systemClock, log: silentLog });
  expect([source.namespace, source.hub]).toEqual(['localhost', 'beside']);
});
