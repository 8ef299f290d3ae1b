import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findGarbage, writeLogCheckpoint } from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { arrival, leg } from '../../support/call-centre-events.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const DAY_MS = 86_400_000;
const ROOT = 'silver/call_legs';

let workshop: Workshop;
let lake: SmallLake;
/** Of the store: the time of an object. The lake's own clock is of 2026-11-22. */
let nowMs: number;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 22);
  lake = new SmallLake(workshop, 'America/Sao_Paulo', openMemory({ nowMs: () => nowMs }));
});

/** A version of the same row more: the file before it is removed by silver. */
async function rewrite(day: number): Promise<void> {
  const produced_at = `2026-02-${String(day).padStart(2, '0')}T00:00:00Z`;
  await lake.bronze('call_legs', [leg({ produced_at }, { sequence: day })]);
  await lake.silver('call_legs');
}

function find(root: string, more: { retainMs?: number; readThrough?: number } = {}) {
  const options = { nowMs, retainMs: 7 * DAY_MS, readThrough: undefined, ...more };
  return findGarbage(lake.table(root), options, signal);
}

async function filesOf(root: string): Promise<string[]> {
  return [...present(await lake.snapshot(root)).files.keys()].map((path) => `${root}/${path}`);
}

const paths = (garbage: readonly { path: string }[]) => garbage.map(({ path }) => path);

describe('data files', () => {
  test('one that was removed goes when the retention has passed, and not before', async () => {
    await rewrite(1);
    const first = await filesOf(ROOT);
    await rewrite(2);
    nowMs += 6 * DAY_MS;
    expect(await find(ROOT)).toEqual([]);
    nowMs += 2 * DAY_MS;
    expect(paths(await find(ROOT))).toEqual(first);
    expect(await find(ROOT, { retainMs: 30 * DAY_MS })).toEqual([]);
  });

  test('one that was live within the retention stays, also where its removal is no longer in the log', async () => {
    await rewrite(1);
    nowMs += 20 * DAY_MS;
    await rewrite(2);
    // The lake's own clock has not moved: by the removal alone the file is old.
    expect(await find(ROOT)).toEqual([]);
  });

  test('one that a reader of the log has still to read stays, though it came and went', async () => {
    await rewrite(1);
    const { version } = present(await lake.snapshot(ROOT));
    await rewrite(2);
    const between = await filesOf(ROOT);
    await rewrite(3);
    nowMs += 30 * DAY_MS;
    expect(await find(ROOT, { readThrough: version })).toEqual([]);
    expect(await find(ROOT, { readThrough: -1 })).toEqual([]);
    expect(paths(await find(ROOT))).toEqual(expect.arrayContaining(between));
  });

  test('one that no commit named stays for a day, whatever the retention, and then goes', async () => {
    await rewrite(1);
    nowMs += 30 * DAY_MS;
    await lake.store.put(`${ROOT}/start_date=2026-01-05/part-staged.parquet`, new Uint8Array(1), signal);
    nowMs += DAY_MS / 2;
    expect(await find(ROOT, { retainMs: 1 })).toEqual([]);
    nowMs += DAY_MS;
    const found = await find(ROOT, { retainMs: 1 });
    expect(found).toEqual([
      { path: `${ROOT}/start_date=2026-01-05/part-staged.parquet`, sizeBytes: 1, kind: 'data file' },
    ]);
  });

  test('what is hidden or no Parquet file is left alone', async () => {
    await rewrite(1);
    for (const name of ['_delta_index/a.parquet', '.hidden/b.parquet', 'notes.txt']) {
      await lake.store.put(`${ROOT}/${name}`, new Uint8Array(1), signal);
    }
    nowMs += 30 * DAY_MS;
    expect(await find(ROOT)).toEqual([]);
  });

  test('a table that is not there has none', async () => {
    expect(await find('gold/none')).toEqual([]);
  });
});

describe('the log', () => {
  async function checkpointAt(version: number): Promise<void> {
    await writeLogCheckpoint(lake.table(ROOT), { version, nowMs }, signal);
  }

  async function logGarbage(more?: { readThrough?: number }): Promise<string[]> {
    const found = await find(ROOT, more);
    return found.flatMap(({ path, kind }) => (kind === 'log' ? [path.split('/').at(-1) ?? ''] : []));
  }

  test('entries before the newest old checkpoint go; it, its own entry and all after it stay', async () => {
    for (const day of [1, 2, 3]) await rewrite(day);
    await checkpointAt(2);
    await rewrite(4);
    nowMs += 8 * DAY_MS;
    expect(await logGarbage()).toEqual([0, 1].map((version) => `${String(version).padStart(20, '0')}.json`));
    for (const { path } of await find(ROOT)) await lake.store.delete(path, signal);
    const { version, files } = present(await lake.snapshot(ROOT));
    expect({ version, files: files.size }).toEqual({ version: 4, files: 1 });
    expect(await lake.rows(ROOT)).toHaveLength(1);
    await rewrite(5);
    expect(await lake.rows(ROOT)).toHaveLength(1);
    expect(await logGarbage()).toEqual([]);
  });

  test('nothing goes without an old checkpoint, or one that can be read, or while a reader is behind it', async () => {
    for (const day of [1, 2, 3]) await rewrite(day);
    nowMs += 8 * DAY_MS;
    expect(await logGarbage()).toEqual([]);
    await checkpointAt(2);
    expect(await logGarbage()).toEqual([]);
    nowMs += 8 * DAY_MS;
    expect(await logGarbage({ readThrough: 1 })).toEqual([]);
    expect(await logGarbage({ readThrough: 2 })).toHaveLength(2);
    const checkpoint = `${ROOT}/_delta_log/00000000000000000002.checkpoint.parquet`;
    await lake.store.put(checkpoint, new Uint8Array(8), signal);
    nowMs += 8 * DAY_MS;
    expect(await logGarbage()).toEqual([]);
  });

  test('the checkpoint that the pointer names stays, though a newer one is old too', async () => {
    for (const day of [1, 2, 3]) await rewrite(day);
    await checkpointAt(1);
    const pointer = present(await lake.store.read(`${ROOT}/_delta_log/_last_checkpoint`, signal));
    await checkpointAt(3);
    await lake.store.put(`${ROOT}/_delta_log/_last_checkpoint`, pointer, signal);
    nowMs += 8 * DAY_MS;
    expect(await logGarbage()).toEqual(['00000000000000000000.json']);
  });
});

test('rejected events and bronze have no garbage after ordinary runs', async () => {
  await lake.bronze('call_legs', [arrival('call_legs', 'no json', { sequence: 1 }), leg({}, { sequence: 3 })]);
  await lake.run();
  nowMs += 30 * DAY_MS;
  for (const root of ['bronze/call_legs', 'silver/rejected_events', ROOT, 'gold/agent_daily']) {
    expect({ root, found: await find(root) }).toEqual({ root, found: [] });
  }
});
