import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/base/errors.ts';
import type { BronzeOptions, BronzeOutcome } from '../../../src/bronze/bronze.ts';
import { readSnapshot } from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { ingest, openBronzeWorkshop, select } from '../../support/bronze-lake.ts';
import type { BronzeWorkshop } from '../../support/bronze-lake.ts';
import { SimulatedEventSource } from '../../support/simulated-event-source.ts';

const never = new AbortController().signal;
let workshop: BronzeWorkshop;
let store: ObjectStore;
let source: SimulatedEventSource;

beforeAll(async () => {
  workshop = await openBronzeWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  store = openMemory();
  source = new SimulatedEventSource('calls', 2);
});

const run = (over: Partial<BronzeOptions> = {}, signal?: AbortSignal): Promise<BronzeOutcome> =>
  ingest(workshop, store, source, over, signal);
const bodies = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);
const numbersOf = async (): Promise<string[]> => {
  const rows = await select<{ at: string }>(
    workshop,
    store,
    `SELECT partition_id || ':' || sequence_number AS at FROM bronze ORDER BY partition_id, sequence_number`,
  );
  return rows.map((row) => row.at);
};
const gapsOf = (): Promise<Record<string, unknown>[]> =>
  select(
    workshop,
    store,
    `SELECT partition_id, first_sequence_number AS first, last_sequence_number AS last, reason FROM gaps
     ORDER BY ALL`,
  );
const numbers = (partition: number, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${partition}:${from + i}`);

const checkpoints = async (): Promise<Record<string, unknown>> => {
  const found: Record<string, unknown> = {};
  for await (const { path, metadata } of store.list('simulated', never, { metadata: true })) found[path] = metadata;
  return found;
};

describe('a drain', () => {
  test('writes every column as it came, and the numbers wanted next', async () => {
    source.send(0, '{"a":1}', Buffer.from([0xff, 0x00]));
    const outcome = await run({ clock: { nowMs: () => Date.UTC(2026, 5, 1, 23, 59, 59, 123), sleep: async () => {} } });
    expect(outcome).toMatchObject({ outcome: 'complete', errors: [], warnings: [], files: 1, commits: 1 });
    expect(outcome.partitions).toMatchObject([
      { partitionId: '0', first: 0, last: 1, rows: 2, gapRows: 0, bytes: 9, lagBefore: 2, lagAfter: 0 },
      { partitionId: '1', first: 0, last: -1, rows: 0, lagBefore: 0, lagAfter: 0, outcome: 'empty' },
    ]);
    expect(await select(workshop, store, 'SELECT * FROM bronze ORDER BY sequence_number')).toEqual([
      {
        body: '{"a":1}',
        body_base64: null,
        properties: '{"n":0}',
        partition_id: 0,
        sequence_number: 0n,
        offset: '0',
        enqueued_at: '2026-01-05 00:00:00+00',
        partition_key: 'key-0',
        ingested_at: '2026-06-01 23:59:59.123+00',
        run_id: 'run',
        ingestion_date: '2026-06-01',
      },
      expect.objectContaining({ body: null, body_base64: '/wA=', properties: null, partition_key: null }),
    ]);
    const snapshot = await readSnapshot({ store, root: 'bronze/calls' }, never);
    const transactions = [...(snapshot?.transactions ?? [])].filter(([name]) => name.startsWith('sluice/bronze'));
    expect(transactions).toEqual([
      [`sluice/bronze/calls/${source.createdAtMs}/0`, 2],
      [`sluice/bronze/calls/${source.createdAtMs}/1`, 0],
    ]);
  });

  test('of nothing new commits nothing', async () => {
    source.send(0, ...bodies(0, 2));
    await run();
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'empty', errors: [], commits: 0, files: 0 });
  });

  test('of an empty hub makes the table and remembers its partitions', async () => {
    expect(await run()).toMatchObject({ outcome: 'empty', errors: [], commits: 1, files: 0 });
    expect(await numbersOf()).toEqual([]);
  });

  test('stops at the ends frozen at its start', async () => {
    source.send(0, ...bodies(0, 4));
    source.interruptions.set('0', { afterEvents: 2, act: () => source.send(0, ...bodies(4, 5)) });
    await run();
    expect(await numbersOf()).toEqual(numbers(0, 0, 3));
    await run();
    expect(await numbersOf()).toEqual(numbers(0, 0, 8));
  });

  test('from the latest begins after what is there', async () => {
    source.send(0, ...bodies(0, 3));
    expect(await run({ start: 'latest' })).toMatchObject({ outcome: 'empty', errors: [] });
    source.send(0, ...bodies(3, 2));
    await run({ start: 'latest' });
    expect(await numbersOf()).toEqual(numbers(0, 3, 4));
  });

  test('asks for its epoch, its group and no more bytes than its share', async () => {
    source.send(0, ...bodies(0, 1));
    source.send(1, ...bodies(0, 1));
    await run({ fence: 7, bytesMax: 8000 });
    expect(source.requests).toMatchObject([
      { partitionId: '0', ownerLevel: 7, consumerGroup: 'own', bytesMax: 1000 },
      { partitionId: '1', ownerLevel: 7, consumerGroup: 'own', bytesMax: 1000 },
    ]);
  });

  test('a full buffer is flushed, and all of it arrives', async () => {
    source.send(0, ...bodies(0, 40));
    source.send(1, ...bodies(0, 25));
    const outcome = await run({ bytesMax: 2000 });
    expect(outcome.commits).toBeGreaterThan(3);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 39), ...numbers(1, 0, 24)]);
  });
});

describe('loss', () => {
  beforeEach(async () => {
    source.send(0, ...bodies(0, 2));
    await run();
    source.send(0, ...bodies(2, 6));
    source.send(1, ...bodies(0, 3));
  });

  test('is fatal to its partition by the policy fail, and to no other', async () => {
    source.expireBefore(0, 4);
    source.send(1, ...bodies(3, 30));
    const outcome = await run();
    expect(outcome.outcome).toBe('failed');
    expect(outcome.errors.map(({ code, exitCode }) => [code, exitCode])).toEqual([['events_lost', 3]]);
    expect(outcome.errors[0]?.message).toContain('events 2 to 3 are lost');
    expect(outcome.partitions.map((each) => each.outcome)).toEqual(['failed', 'complete']);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 1), ...numbers(1, 0, 32)]);
  });

  test('is recorded by the policy record, once, and the run goes on', async () => {
    source.expireBefore(0, 4);
    const outcome = await run({ onLoss: 'record' });
    expect(outcome).toMatchObject({ outcome: 'complete', errors: [] });
    expect(outcome.partitions[0]).toMatchObject({ first: 2, last: 7, rows: 4, gapRows: 2, lagBefore: 6, lagAfter: 0 });
    await run({ onLoss: 'record' });
    expect(await gapsOf()).toEqual([{ partition_id: 0, first: 2n, last: 3n, reason: 'expired' }]);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 1), ...numbers(0, 4, 7), ...numbers(1, 0, 2)]);
  });

  test('of everything up to the end leaves a gap and the next number', async () => {
    source.expireBefore(0, 8);
    expect(await run({ onLoss: 'record' })).toMatchObject({ outcome: 'complete', errors: [] });
    expect(await gapsOf()).toEqual([{ partition_id: 0, first: 2n, last: 7n, reason: 'expired' }]);
    expect(await run()).toMatchObject({ outcome: 'empty', errors: [] });
  });

  test('in the middle of the stream: what stands before it is committed, what stands after it is not', async () => {
    source.partition(0).missing.add(4).add(5);
    const outcome = await run();
    expect(outcome.errors.map(({ code }) => code)).toEqual(['events_lost']);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 3), ...numbers(1, 0, 2)]);
    expect(outcome.partitions[0]).toMatchObject({ rows: 2, lagAfter: 4, outcome: 'failed' });
    expect(await run({ onLoss: 'record' })).toMatchObject({ errors: [] });
    expect(await gapsOf()).toEqual([{ partition_id: 0, first: 4n, last: 5n, reason: 'skipped' }]);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 3), ...numbers(0, 6, 7), ...numbers(1, 0, 2)]);
  });

  test('at the frozen end itself, seen by a greater number', async () => {
    source.partition(0).missing.add(7);
    source.interruptions.set('0', { afterEvents: 1, act: () => source.send(0, ...bodies(8, 1)) });
    expect(await run({ onLoss: 'record' })).toMatchObject({ outcome: 'complete', errors: [] });
    expect(await gapsOf()).toEqual([{ partition_id: 0, first: 7n, last: 7n, reason: 'skipped' }]);
  });

  test('while it reads: the last events expire and the receiver stalls', async () => {
    source.interruptions.set('0', {
      afterEvents: 3,
      act: () => {
        source.expireBefore(0, 8);
        throw new SluiceError('receiver_stalled', 'nothing came');
      },
    });
    expect(await run({ onLoss: 'record' })).toMatchObject({ outcome: 'complete', errors: [] });
    expect(await gapsOf()).toEqual([{ partition_id: 0, first: 5n, last: 7n, reason: 'expired' }]);
  });

  test('a receiver that stalls while its events are there fails its partition alone', async () => {
    source.interruptions.set('0', {
      afterEvents: 1,
      act: () => {
        throw new SluiceError('receiver_stalled', 'nothing came');
      },
    });
    const outcome = await run();
    expect(outcome.errors.map(({ code }) => code)).toEqual(['receiver_stalled']);
    expect(outcome.partitions.map((each) => each.outcome)).toEqual(['failed', 'complete']);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 2), ...numbers(1, 0, 2)]);
  });
});

describe('another hub or another run', () => {
  beforeEach(() => source.send(0, ...bodies(0, 8)));

  test('a hub created again is refused, and nothing changes', async () => {
    await run();
    source.createdAtMs++;
    const outcome = await run();
    expect(outcome.errors.map(({ code, exitCode }) => [code, exitCode])).toEqual([['hub_recreated', 3]]);
    expect(await numbersOf()).toEqual(numbers(0, 0, 7));
  });

  test('a run that commits the same range under us: ours is thrown away and planned again', async () => {
    source.interruptions.set('0', {
      afterEvents: 4,
      act: async () => {
        await run();
      },
    });
    source.send(1, ...bodies(0, 3));
    const outcome = await run();
    expect(outcome.errors).toEqual([]);
    expect(await numbersOf()).toEqual([...numbers(0, 0, 7), ...numbers(1, 0, 2)]);
  });

  test('a run with a greater lease ends ours as locked', async () => {
    source.interruptions.set('0', {
      afterEvents: 4,
      act: async () => {
        await run({ fence: 2 });
      },
    });
    expect(await run()).toMatchObject({ outcome: 'locked', errors: [] });
    expect(await numbersOf()).toEqual(numbers(0, 0, 7));
  });

  test('a link that is stolen: what was read is committed, and the run ends as locked', async () => {
    source.interruptions.set('0', {
      afterEvents: 5,
      act: () => {
        throw new SluiceError('link_stolen', 'a higher epoch');
      },
    });
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'locked', errors: [] });
    expect(outcome.partitions[0]).toMatchObject({ rows: 5, lagAfter: 3, outcome: 'locked' });
    expect(await numbersOf()).toEqual(numbers(0, 0, 4));
  });
});

describe('stops', () => {
  beforeEach(() => source.send(0, ...bodies(0, 9)));

  test('a soft stop commits what is read and the next run takes the rest', async () => {
    const stop = new AbortController();
    source.interruptions.set('0', { afterEvents: 6, act: () => stop.abort() });
    expect(await run({ softStop: stop.signal })).toMatchObject({ outcome: 'stopped', errors: [] });
    expect(await numbersOf()).toEqual(numbers(0, 0, 5));
    expect(await run()).toMatchObject({ outcome: 'complete' });
    expect(await numbersOf()).toEqual(numbers(0, 0, 8));
  });

  test('a hard stop is thrown and commits nothing more', async () => {
    const stop = new AbortController();
    source.interruptions.set('0', { afterEvents: 6, act: () => stop.abort() });
    await expect(run({}, stop.signal)).rejects.toThrow(/abort/i);
    expect(await readSnapshot({ store, root: 'bronze/calls' }, never)).toBeUndefined();
  });
});

describe('checkpoints follow the commits', () => {
  const root = 'simulated.servicebus.windows.net/calls/own/checkpoint/';

  test('for every partition, the empty one too', async () => {
    source.send(0, ...bodies(0, 4));
    await run();
    expect(await checkpoints()).toEqual({
      [`${root}0`]: { sequencenumber: '3', offset: '30' },
      [`${root}1`]: { sequencenumber: '-1', offset: '-1' },
    });
  });

  test('after a gap at the end they stand on it', async () => {
    source.send(0, ...bodies(0, 4));
    await run();
    source.send(0, ...bodies(4, 4));
    source.expireBefore(0, 8);
    await run({ onLoss: 'record' });
    expect((await checkpoints())[`${root}0`]).toEqual({ sequencenumber: '7', offset: '70' });
  });

  test('one that cannot be written is a warning: the commit stands', async () => {
    source.send(0, ...bodies(0, 4));
    const refused = { read: async () => new Map(), write: () => Promise.reject(new Error('no permission')) };
    expect(await run({ checkpoints: refused })).toMatchObject({ outcome: 'complete', errors: [] });
    expect(await numbersOf()).toEqual(numbers(0, 0, 3));
  });
});
