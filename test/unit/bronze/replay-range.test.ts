import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { replayRange, type RangeOptions } from '../../../src/bronze/bronze.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { bronzeOptions, ingest, openBronzeWorkshop, select, type BronzeWorkshop } from '../../support/bronze-lake.ts';
import { dyingStore } from '../../support/dying-store.ts';
import { SimulatedEventSource } from '../../support/simulated-event-source.ts';

const signal = new AbortController().signal;

let workshop: BronzeWorkshop;
let store: ObjectStore;
let source: SimulatedEventSource;
beforeAll(async () => {
  workshop = await openBronzeWorkshop();
});
afterAll(() => workshop.close());

/** Twelve events of each of two partitions; of the first, numbers 3, 4 and 8 were gone over and recorded as lost. */
async function fill(into: ObjectStore): Promise<void> {
  source = new SimulatedEventSource('calls', 2);
  for (const partition of [0, 1]) {
    source.send(partition, ...Array.from({ length: 12 }, (_, number) => `event ${partition}/${number}`));
  }
  for (const number of [3, 4, 8]) source.partition(0).missing.add(number);
  const outcome = await ingest(workshop, into, source, { onLoss: 'record' });
  expect(outcome.outcome).toBe('complete');
}

beforeEach(async () => {
  store = openMemory();
  await fill(store);
  source.partition(0).missing.clear();
});

function replay(first: number, last: number, over: Partial<RangeOptions> = {}, on: ObjectStore = store) {
  const options = { ...bronzeOptions(workshop, on, source), fence: 2 };
  const { openDatabase } = { openDatabase: async () => workshop.database };
  return replayRange({ ...options, openDatabase, partitionId: '0', range: { first, last }, ...over }, signal);
}

async function numbers(on: ObjectStore = store): Promise<number[]> {
  const rows = await select<{ n: bigint }>(
    workshop,
    on,
    'SELECT sequence_number AS n FROM bronze WHERE partition_id = 0 ORDER BY n',
  );
  return rows.map(({ n }) => Number(n));
}

async function gaps(on: ObjectStore = store): Promise<string[]> {
  const rows = await select<{ gap: string }>(
    workshop,
    on,
    `SELECT first_sequence_number || '-' || last_sequence_number AS gap FROM gaps ORDER BY first_sequence_number`,
  );
  return rows.map(({ gap }) => gap);
}

const ALL = Array.from({ length: 12 }, (_, number) => number);

describe('a range that is read again', () => {
  test('lost events that are there are added once, with their bodies, and are lost no more', async () => {
    expect(await gaps()).toEqual(['3-4', '8-8']);
    expect(await replay(0, 11)).toEqual({ outcome: 'complete', missing: 3, found: 3, corrected: 3 });
    expect(await numbers()).toEqual(ALL);
    expect(await gaps()).toEqual([]);
    const bodies = await select(
      workshop,
      store,
      'SELECT body FROM bronze WHERE partition_id = 0 AND sequence_number = 4',
    );
    expect(bodies).toEqual([{ body: 'event 0/4' }]);
    expect(await replay(0, 11)).toEqual({ outcome: 'empty', missing: 0, found: 0, corrected: 0 });
    expect((await ingest(workshop, store, source, { fence: 3 })).outcome).toBe('empty');
  });

  test('only the range is added, and a gap keeps what is outside of it', async () => {
    expect(await replay(4, 7)).toEqual({ outcome: 'complete', missing: 1, found: 1, corrected: 1 });
    expect(await numbers()).toEqual(ALL.filter((number) => number !== 3 && number !== 8));
    expect(await gaps()).toEqual(['3-3', '8-8']);
  });

  test('what the hub no longer has stays lost', async () => {
    source.expireBefore(0, 4);
    expect(await replay(0, 11)).toEqual({ outcome: 'complete', missing: 3, found: 2, corrected: 2 });
    expect(await gaps()).toEqual(['3-3']);
  });

  test('small buffers make several commits with the same rows', async () => {
    source.batchEvents = 1;
    expect(await replay(0, 11, { bytesMax: 1 })).toMatchObject({ found: 3, corrected: 3 });
    expect(await numbers()).toEqual(ALL);
  });

  test('numbers that bronze has not come to are left to the next run', async () => {
    source.send(0, 'event 0/12');
    expect(await replay(11, 12)).toEqual({ outcome: 'empty', missing: 0, found: 0, corrected: 0 });
    expect(await numbers()).not.toContain(12);
  });

  test('numbers before the first one of the table are none of its own', async () => {
    const late = openMemory();
    source.send(1, 'event 1/12');
    await ingest(workshop, late, source, { start: 'latest' });
    source.send(0, 'event 0/12', 'event 0/13');
    await ingest(workshop, late, source);
    expect(await replay(0, 13, {}, late)).toMatchObject({ outcome: 'empty', missing: 0, found: 0 });
    expect(await numbers(late)).toEqual([12, 13]);
  });

  test('a stop commits what was read, and the next call brings the rest', async () => {
    source.batchEvents = 1;
    const stopped = await replay(0, 11, { softStop: AbortSignal.abort() });
    expect(stopped).toMatchObject({ outcome: 'stopped', found: 1, corrected: 1 });
    expect(await replay(0, 11)).toMatchObject({ outcome: 'complete', found: 2, corrected: 2 });
    expect(await numbers()).toEqual(ALL);
  });

  test('a hub that was made anew is refused', async () => {
    source.createdAtMs += 1;
    await expect(replay(0, 11)).rejects.toMatchObject({ code: 'hub_recreated', exitCode: 3 });
    expect(await numbers()).toHaveLength(9);
  });

  test('a lease that another has taken ends it without a row', async () => {
    await ingest(workshop, store, source, { fence: 9 });
    source.send(0, 'event 0/12');
    await ingest(workshop, store, source, { fence: 9 });
    expect(await replay(0, 11)).toMatchObject({ outcome: 'locked', found: 0 });
  });

  test('two at once add every event once', async () => {
    const elsewhere = await openBronzeWorkshop();
    const { database, scratch } = elsewhere;
    const other = replay(0, 11, { openDatabase: async () => database, scratch });
    const outcomes = await Promise.all([replay(0, 11), other]);
    await elsewhere.close();
    expect(outcomes.reduce((sum, { found }) => sum + found, 0)).toBe(3);
    expect(await numbers()).toEqual(ALL);
    expect(await gaps()).toEqual([]);
  });

  test('killed after any change: nothing is twice or in neither table, and the next call ends it', async () => {
    let kills = 0;
    for (let at = 0; ; at++) {
      const lake = openMemory();
      await fill(lake);
      source.partition(0).missing.clear();
      const died = await replay(0, 11, {}, dyingStore(lake, at)).then(
        () => false,
        () => true,
      );
      const known = [...(await numbers(lake)), ...expanded(await gaps(lake))];
      const rows = await numbers(lake);
      expect(new Set(rows).size).toBe(rows.length);
      expect([...new Set(known)].toSorted((a, b) => a - b)).toEqual(ALL);
      await replay(0, 11, { fence: 3 }, lake);
      expect(await numbers(lake)).toEqual(ALL);
      expect(await gaps(lake)).toEqual([]);
      if (!died) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(2);
  });
});

function expanded(ranges: readonly string[]): number[] {
  return ranges.flatMap((range) => {
    const [first = 0, last = 0] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
