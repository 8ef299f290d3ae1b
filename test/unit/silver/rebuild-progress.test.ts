import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DatasetContract } from '../../../schemas/contract.ts';
import { text } from '../../../schemas/event-fields.ts';
import { findSidecars } from '../../../src/cli/sidecars.ts';
import { compactTable } from '../../../src/delta/delta.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { PROGRESS_FOLDER, rebuildSilver, type RebuildOptions } from '../../../src/silver/silver.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { arrival, leg } from '../../support/call-centre-events.ts';
import { withFields } from '../../support/event-object.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const PROGRESS = `${PROGRESS_FOLDER}call_legs.json`;
const COMMITS = 5;

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(async () => {
  lake = new SmallLake(workshop);
  await fill(lake);
});

/** Each commit is one file: a leg of a day of its own, and a body that is none. */
async function fill(on: SmallLake): Promise<void> {
  for (let at = 0; at < COMMITS; at++) {
    const times = { started_at: `2026-01-1${at}T15:00:00Z`, ended_at: `2026-01-1${at}T15:01:00Z` };
    const event = leg({ call_id: `c${at}`, area: 'Financing', ...times }, { sequence: 4 * at });
    await on.bronze('call_legs', [event, arrival('call_legs', 'no json', { sequence: 4 * at + 2 })]);
  }
}

/** A file is a part. */
function rebuild(on: SmallLake, over: Partial<RebuildOptions> = {}) {
  return rebuildSilver({ ...on.silverOptions('call_legs'), engine: '1', sliceBytesMax: 1, ...over }, signal);
}

/** Dies when what is staged was written down for the third time; the work of three parts. */
async function interrupted(over: Partial<RebuildOptions> = {}): Promise<void> {
  let puts = 0;
  const dying: ObjectStore = {
    ...lake.store,
    async put(path, ...args) {
      await lake.store.put(path, ...args);
      if (path === PROGRESS && ++puts === 3) throw new Error('killed');
    },
  };
  await expect(rebuild(new SmallLake(workshop, lake.timeZone, dying), over)).rejects.toThrow('killed');
  expect(await lake.store.read(PROGRESS, signal)).toBeDefined();
}

/** Days of silver whose data files were uploaded while the action ran. */
async function daysStaged(action: (on: SmallLake) => Promise<unknown>): Promise<string[]> {
  const days: string[] = [];
  const watched: ObjectStore = {
    ...lake.store,
    async upload(path, ...args) {
      const day = /silver\/call_legs\/start_date=([\d-]+)\//.exec(path)?.[1];
      if (day !== undefined) days.push(day);
      await lake.store.upload(path, ...args);
    },
  };
  await action(new SmallLake(workshop, lake.timeZone, watched));
  return days;
}

async function contents(on: SmallLake): Promise<string[][]> {
  const found: string[][] = [];
  for (const root of ['silver/call_legs', 'silver/rejected_events']) {
    found.push((await on.rows(root)).map((row) => JSON.stringify(row)).toSorted());
  }
  return found;
}

async function fresh(timeZone = lake.timeZone): Promise<string[][]> {
  const other = new SmallLake(workshop, timeZone);
  await fill(other);
  await other.silver('call_legs');
  return contents(other);
}

const ALL = Array.from({ length: COMMITS }, (_, at) => `2026-01-1${at}`);

describe('a rebuild that was interrupted', () => {
  test('is gone on with: only the rest is judged, the tables are those of a fresh run, and nothing stays', async () => {
    await interrupted();
    const days = await daysStaged(async (on) => {
      const counts = { rowsIn: 10, accepted: 5, rejected: 5, rows: 5 };
      expect(await rebuild(on)).toEqual({ dataset: 'call_legs', outcome: 'complete', ...counts });
    });
    expect(days).toEqual(ALL.slice(3));
    expect(await contents(lake)).toEqual(await fresh());
    expect(await lake.store.read(PROGRESS, signal)).toBeUndefined();
    expect((await lake.silver('call_legs')).outcome).toBe('empty');
  });

  test('a stop writes down what is staged too', async () => {
    const stop = new AbortController();
    const stopping: ObjectStore = {
      ...lake.store,
      async upload(path, ...args) {
        await lake.store.upload(path, ...args);
        if (path.includes('start_date=2026-01-11')) stop.abort();
      },
    };
    const outcome = await rebuild(new SmallLake(workshop, lake.timeZone, stopping), { stop: stop.signal });
    expect(outcome.outcome).toBe('stopped');
    expect(await daysStaged((on) => rebuild(on))).toEqual(ALL.slice(2));
    expect(await contents(lake)).toEqual(await fresh());
  });

  test('takes what came to bronze since', async () => {
    await interrupted();
    await lake.bronze('call_legs', [leg({ call_id: 'new' }, { sequence: 100 })]);
    expect(await rebuild(lake)).toMatchObject({ rowsIn: 11, rows: 6 });
    expect((await lake.silver('call_legs')).outcome).toBe('empty');
  });

  test('between its two commits: what the rejected events have already is neither lost nor double', async () => {
    await lake.silver('call_legs');
    await interrupted();
    const killed: ObjectStore = {
      ...lake.store,
      putIfAbsent: (path, ...args) =>
        path.startsWith('silver/call_legs/_delta_log')
          ? Promise.reject(new Error('killed'))
          : lake.store.putIfAbsent(path, ...args),
    };
    await expect(rebuild(new SmallLake(workshop, lake.timeZone, killed))).rejects.toThrow('killed');
    await rebuild(lake);
    expect(await contents(lake)).toEqual(await fresh());
  });

  test('whose object stayed after the commits changes nothing at the next one', async () => {
    await interrupted();
    const written = present(await lake.store.read(PROGRESS, signal));
    await rebuild(lake);
    await lake.store.put(PROGRESS, written, signal);
    await rebuild(lake);
    expect(await contents(lake)).toEqual(await fresh());
  });
});

describe('a rebuild begins anew', () => {
  const faulty = (): DatasetContract => {
    const { dataset } = lake.silverOptions('call_legs');
    return { ...dataset, event: withFields(dataset.event, { area: text(1, 3) }) };
  };
  const untold = (): DatasetContract => {
    const { dataset } = lake.silverOptions('call_legs');
    return { ...dataset, event: dataset.event.refine(() => true) };
  };

  test('after a fix of the contract, though columns and key are the same', async () => {
    await interrupted({ dataset: faulty() });
    expect(await daysStaged((on) => rebuild(on))).toEqual(ALL);
    expect(await contents(lake)).toEqual(await fresh());
  });

  test('in another time zone, and by another version of the engine', async () => {
    await interrupted();
    expect(await daysStaged((on) => rebuild(on, { engine: '2' }))).toEqual(ALL);
    await interrupted();
    const moved = new SmallLake(workshop, 'Asia/Tokyo', lake.store);
    await rebuild(moved);
    expect(await contents(moved)).toEqual(await fresh('Asia/Tokyo'));
  });

  test('where another memory cuts its files at other rows', async () => {
    await interrupted({ bodyBytesMax: 1 });
    expect(await daysStaged((on) => rebuild(on, { bodyBytesMax: 2 }))).toEqual(ALL);
  });

  test('where bronze was compacted since', async () => {
    await interrupted();
    const { openDatabase, scratch, fence, ...context } = lake.tools();
    const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: undefined };
    await compactTable(lake.table('bronze/call_legs'), options, signal);
    await rebuild(lake);
    expect(await contents(lake)).toEqual(await fresh());
  });

  test('where a staged file is gone, or what was written down is cut off', async () => {
    await interrupted();
    for await (const { path } of lake.store.list('silver/call_legs/start_date=2026-01-10/', signal)) {
      await lake.store.delete(path, signal);
    }
    expect(await daysStaged((on) => rebuild(on))).toEqual(ALL);
    await interrupted();
    const written = present(await lake.store.read(PROGRESS, signal));
    await lake.store.put(PROGRESS, written.subarray(0, written.byteLength / 2), signal);
    expect(await daysStaged((on) => rebuild(on))).toEqual(ALL);
    expect(await contents(lake)).toEqual(await fresh());
  });

  test('under a contract of which only its code says what it asks', async () => {
    const dataset = untold();
    await rebuild(lake, { dataset });
    expect(await lake.store.read(PROGRESS, signal)).toBeUndefined();
    expect(await contents(lake)).toEqual(await fresh());
  });
});

test('vacuum takes away what a rebuild wrote down that nobody went on with, a day later', async () => {
  await interrupted();
  const sidecars = async (laterMs: number): Promise<string[]> => {
    const clock = { nowMs: () => Date.now() + laterMs };
    const place = { lake: { clock, store: lake.store }, pipeline: callCentre };
    return (await findSidecars(place, 1, signal)).map(({ path }) => path);
  };
  expect(await sidecars(0)).not.toContain(PROGRESS);
  expect(await sidecars(25 * 3_600_000)).toContain(PROGRESS);
});
