import { beforeEach, describe, expect, test } from 'vitest';
import { changesBetween, commit, ensureTable, readSnapshot, writeLogCheckpoint } from '../../../src/delta/delta.ts';
import type { Snapshot, TableLocation } from '../../../src/delta/delta.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { LogMemory } from '../../../src/delta/log-memory.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { context, contract, newFile, paths, putText, signal } from '../../support/delta-fixtures.ts';

const ROOT = 'silver/things';
const entry = (version: number): string => `${ROOT}/_delta_log/${String(version).padStart(20, '0')}.json`;

/** The table as one process sees it, and which objects and folders it asks for. */
interface View {
  readonly location: TableLocation;
  readonly asked: string[];
}

let lake: ReturnType<typeof openMemory>;
let ours: View;
let theirs: View;
let base: Snapshot;

function view(): View {
  const asked: string[] = [];
  const short = (path: string): string => path.slice(`${ROOT}/_delta_log/`.length).replace(/^0{19}/, '');
  const store: typeof lake = {
    ...lake,
    read(path, abort) {
      asked.push(short(path));
      return lake.read(path, abort);
    },
    list(prefix, abort, options) {
      asked.push(`list from ${short(options?.after ?? '')}`);
      return lake.list(prefix, abort, options);
    },
  };
  return { location: { store, root: ROOT }, asked };
}

async function append(to: View, from: Snapshot): Promise<Snapshot> {
  const change = { operation: 'WRITE', add: [newFile()] };
  return (await commit(to.location, from, change, context, signal)).snapshot;
}

beforeEach(async () => {
  // No two objects are written in the same millisecond.
  let timeMs = 1_767_571_200_000;
  lake = openMemory({ ...systemClock, nowMs: () => timeMs++ });
  ours = view();
  theirs = view();
  base = await append(theirs, await ensureTable(theirs.location, contract, { context }, signal));
});

describe('a table that is opened again', () => {
  test('is listed, and what is known of its log is not read', async () => {
    await readSnapshot(ours.location, signal);
    expect(ours.asked).toEqual(['_last_checkpoint', 'list from 0', '0.json', '1.json']);
    ours.asked.length = 0;
    const later = await append(theirs, base);
    const found = await readSnapshot(ours.location, signal);
    expect(ours.asked).toEqual(['list from 0', '2.json']);
    expect(paths(found)).toEqual(paths(later));
    ours.asked.length = 0;
    expect((await changesBetween(ours.location, 0, 2, signal)).added).toHaveLength(2);
    expect(ours.asked).toEqual([]);
  });

  test('knows what it has committed itself', async () => {
    const snapshot = await readSnapshot(ours.location, signal);
    ours.asked.length = 0;
    const committed = await append(ours, snapshot as Snapshot);
    expect(await readSnapshot(ours.location, signal)).toEqual(committed);
    expect(ours.asked).toEqual(['list from 2', 'list from 0']);
  });

  test('is listed from its checkpoint on, and from another one that came since', async () => {
    await writeLogCheckpoint(theirs.location, { nowMs: 0 }, signal);
    await readSnapshot(ours.location, signal);
    ours.asked.length = 0;
    await readSnapshot(ours.location, signal);
    expect(ours.asked).toEqual(['list from 1']);
    const later = await append(theirs, base);
    await writeLogCheckpoint(theirs.location, { nowMs: 0 }, signal);
    for (const version of [0, 1]) await lake.delete(entry(version), signal);
    await lake.delete(entry(1).replace('.json', '.checkpoint.parquet'), signal);
    expect(paths(await readSnapshot(ours.location, signal))).toEqual(paths(later));
    ours.asked.length = 0;
    expect((await readSnapshot(ours.location, signal))?.version).toBe(2);
    expect(ours.asked).toEqual(['list from 2']);
  });

  test('is read anew where it was made anew, and is none where it is gone', async () => {
    await writeLogCheckpoint(theirs.location, { nowMs: 0 }, signal);
    await readSnapshot(ours.location, signal);
    for await (const { path } of lake.list(`${ROOT}/`, signal)) await lake.delete(path, signal);
    expect(await readSnapshot(ours.location, signal)).toBeUndefined();
    const made = await ensureTable(view().location, contract, { context }, signal);
    const found = await readSnapshot(ours.location, signal);
    expect([found?.tableId, found?.version, found?.files.size]).toEqual([made.tableId, 0, 0]);
  });

  test('has nothing of the table that it was, where another stands there now', async () => {
    const first = (await readSnapshot(ours.location, signal)) as Snapshot;
    await append(ours, first);
    for await (const { path } of lake.list(`${ROOT}/`, signal)) await lake.delete(path, signal);
    const other = view();
    let made = await ensureTable(other.location, contract, { context }, signal);
    for (let version = 1; version <= 2; version++) made = await append(other, made);
    expect(paths(await readSnapshot(ours.location, signal))).toEqual(paths(made));
    made = await append(other, made);
    await writeLogCheckpoint(other.location, { nowMs: 0 }, signal);
    for await (const { path } of lake.list(`${ROOT}/`, signal)) await lake.delete(path, signal);
    const third = view();
    made = await ensureTable(third.location, contract, { context }, signal);
    for (let version = 1; version <= 4; version++) made = await append(third, made);
    await writeLogCheckpoint(third.location, { nowMs: 0 }, signal);
    expect(paths(await readSnapshot(ours.location, signal))).toEqual(paths(made));
    const { added } = await changesBetween(ours.location, -1, 4, signal);
    expect(added.map(({ path }) => path).toSorted()).toEqual(paths(made));
  });

  test('has no entry any more that is cut off now, though it is its own', async () => {
    const snapshot = (await readSnapshot(ours.location, signal)) as Snapshot;
    await append(ours, snapshot);
    const whole = new TextDecoder().decode(await lake.read(entry(2), signal));
    await putText(lake, entry(2), whole.slice(0, -20));
    expect((await readSnapshot(ours.location, signal))?.version).toBe(1);
  });
});

describe('what is kept of entries', () => {
  const actions = (count: number) => Array.from({ length: count }, () => ({ txn: { appId: 'a', version: 1 } }));

  test('counts where size and time are the same, or nothing is said of them', () => {
    const memory = new LogMemory();
    memory.keepEntry(3, '10 5', actions(1));
    expect(memory.entry(3, '10 5')).toHaveLength(1);
    expect(memory.entry(3, undefined)).toHaveLength(1);
    expect(memory.entry(3, '10 6')).toBeUndefined();
    expect(memory.entry(4, undefined)).toBeUndefined();
  });

  test('is its own with any time, and from then on with that one alone', () => {
    const memory = new LogMemory();
    memory.keepEntry(3, '10', actions(1));
    expect(memory.entry(3, '100 7')).toBeUndefined();
    expect(memory.entry(3, '10 7')).toHaveLength(1);
    expect(memory.entry(3, '10 8')).toBeUndefined();
  });

  test('has a limit', () => {
    const memory = new LogMemory();
    memory.keepEntry(0, '5000000 1', actions(1));
    memory.keepEntry(0, '5000001 2', actions(1));
    expect(memory.entry(0, '5000001 2')).toHaveLength(1);
    memory.keepEntry(1, '5000000 1', actions(1));
    expect([memory.entry(0, undefined), memory.entry(1, undefined)]).toEqual([undefined, undefined]);
    memory.keepEntry(2, '5000000 1', actions(1));
    expect(memory.entry(2, undefined)).toHaveLength(1);
  });

  test('is forgotten with the table', () => {
    const memory = new LogMemory();
    expect(memory.isOf('a')).toBe(true);
    memory.listedFrom = 4;
    memory.keepEntry(5, '10 5', actions(1));
    memory.keepCheckpoint('x', actions(1));
    expect(memory.isOf('a')).toBe(true);
    expect(memory.entry(5, undefined)).toHaveLength(1);
    expect(memory.isOf('b')).toBe(false);
    expect([memory.entry(5, undefined), memory.checkpoint('x'), memory.listedFrom]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(memory.isOf('b')).toBe(true);
  });
});
