import { EventHubConsumerClient } from '@azure/event-hubs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { openEventSink, openEventSource } from '../../src/eventhubs/eventhubs.ts';
import { SdkEventSource } from '../../src/eventhubs/sdk-source.ts';
import { parseConnection } from '../../src/eventhubs/connection.ts';
import { startHub } from '../../src/hub/hub.ts';
import type { RunningHub } from '../../src/hub/hub.ts';

const never = new AbortController().signal;
const NAMES = ['dropped', 'detached', 'stolen', 'stalled', 'sizes', 'beside', 'refused'];
let folder: string;
let hub: RunningHub;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  const hubs = NAMES.map((name) => ({ name, partitionCount: 1, consumerGroups: ['own'] }));
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
  name: string,
  last: number,
  afterFirst: () => void | Promise<void> = () => {},
  stallMsMax = 60_000,
) {
  const source = new SdkEventSource({
    connection: parseConnection(hub.connectionString),
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

describe('the receiver goes on from the next number wanted', () => {
  test('after the connection dropped', async () => {
    await send('dropped', small(30_000));
    expect((await drain('dropped', 29_999, () => void hub.faults.dropSockets())).numbers).toEqual(upTo(29_999));
  });

  test('after its link was detached', async () => {
    await send('detached', small(30_000));
    expect((await drain('detached', 29_999, detach)).numbers).toEqual(upTo(29_999));
  });
});

describe('the receiver gives up', () => {
  test('with link_stolen where a reader with a higher epoch comes', async () => {
    await send('stolen', small(30_000));
    const thief = new EventHubConsumerClient('own', hub.connectionString, 'stolen');
    const steal = (): Promise<void> =>
      new Promise((resolve) => {
        const handlers = { processEvents: async () => resolve(), processError: async () => resolve() };
        thief.subscribe('0', handlers, { ownerLevel: 9, startPosition: { offset: '-1' }, maxBatchSize: 10 });
      });
    await expect(drain('stolen', 29_999, steal)).rejects.toMatchObject({ code: 'link_stolen' });
    await expect(drain('stolen', 29_999)).rejects.toMatchObject({ code: 'link_stolen' });
    await thief.close();
  });

  test('with receiver_stalled where events are said to wait and none comes', async () => {
    await send('stalled', small(5));
    await expect(drain('stalled', 9, undefined, 1_500)).rejects.toMatchObject({ code: 'receiver_stalled' });
  });
});

describe('sizes', () => {
  test('small events and then large ones all arrive, within a share of a few megabytes', async () => {
    const large = Array.from({ length: 40 }, () => Buffer.alloc(700_000, 'x'));
    await send('sizes', [...small(5_000), ...large]);
    const { numbers, heldBytesMax } = await drain('sizes', 5_039);
    expect(numbers).toEqual(upTo(5_039));
    expect(heldBytesMax).toBeGreaterThan(MiB);
    expect(heldBytesMax).toBeLessThan(16 * MiB);
  });

  test('an event larger than the hub accepts is event_too_large', async () => {
    await expect(send('refused', [Buffer.alloc(1_100_000)])).rejects.toMatchObject({ code: 'event_too_large' });
  });
});

test('another client in the same process is left as it is', async () => {
  await send('beside', [Buffer.from('{"a":1}')]);
  await drain('beside', 0);
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
