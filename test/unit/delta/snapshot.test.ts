import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  changesBetween,
  commit,
  ensureTable,
  readSnapshot,
  writeLogCheckpoint,
  type Change,
  type Snapshot,
  type TableLocation,
} from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { context, contract, fileNamed, newFile, paths, putText, signal } from '../../support/delta-fixtures.ts';

const LOG = 'gold/daily/_delta_log/';
const entryName = (version: number): string => `${LOG}${String(version).padStart(20, '0')}.json`;
const checkpointName = (version: number): string => entryName(version).replace('.json', '.checkpoint.parquet');

/** A table of so many commits, a file each; every fourth also removes the one before. */
async function tableOf(commits: number): Promise<{ location: TableLocation; last: Snapshot }> {
  const location = { store: openMemory(), root: 'gold/daily' };
  let last = await ensureTable(location, contract, { context, configuration: { kept: 'yes' } }, signal);
  for (let turn = 1; turn <= commits; turn++) {
    const before = last.files.get(`day=2026-01-05/file-${turn - 1}.parquet`);
    const change: Change = {
      operation: 'WRITE',
      add: [fileNamed(`file-${turn}`), fileNamed(`null-${turn}`, null)],
      remove: turn % 4 === 0 && before !== undefined ? [before] : [],
      transactions: [{ appId: 'a', expected: turn === 1 ? undefined : turn - 1, next: turn }],
    };
    const result = await commit(location, last, change, context, signal);
    expect(result.kind).toBe('committed');
    last = result.snapshot;
  }
  return { location, last };
}

/** What two snapshots of one table agree in, whatever they were read from. */
function facts(snapshot: Snapshot | undefined): unknown {
  if (snapshot === undefined) return undefined;
  const { version, transactions, metadata, protocol } = snapshot;
  return { version, files: new Map(snapshot.files), transactions, metadata, protocol };
}

const golden = async (name: string): Promise<TableLocation> => {
  const store = openMemory();
  const folder = new URL(`../../golden/delta/${name}/`, import.meta.url);
  const files = JSON.parse(await readFile(new URL('files.json', folder), 'utf8')) as string[];
  for (const file of files) {
    const data = await readFile(new URL(file, folder));
    await store.put(`golden/_delta_log/${file}`, data, signal);
  }
  return { store, root: 'golden' };
};

const names = (files: readonly { path: string }[]): string[] =>
  files.map(({ path }) => path.replace(/^.*\//, '').replace('.parquet', '')).toSorted();

describe('reading a snapshot', () => {
  test('no table is undefined', async () => {
    expect(await readSnapshot({ store: openMemory(), root: 'x' }, signal)).toBeUndefined();
  });

  test('a log of entries alone gives what its commits gave', async () => {
    const { location, last } = await tableOf(9);
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
  });

  test('needs no DuckDB: a run with nothing new does not load it', () => {
    const script = `
      const { registerHooks } = await import('node:module');
      registerHooks({ load(url, context, next) {
        if (url.includes('duckdb/node')) { console.log('loaded', url); process.exit(1); }
        return next(url, context);
      } });
      const { readSnapshot } = await import('./src/delta/delta.ts');
      const { openFolder } = await import('./src/storage/folder.ts');
      const location = { store: openFolder('/nonexistent'), root: 'x' };
      console.log(await readSnapshot(location, new AbortController().signal));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([run.status, run.stdout.trim()]).toEqual([0, 'undefined']);
  });

  test('an older version is the table as it was then', async () => {
    const { location } = await tableOf(5);
    const old = await readSnapshot(location, signal, { version: 3 });
    expect([old?.version, old?.files.size, old?.transactions.get('a')]).toEqual([3, 6, 3]);
    await expect(readSnapshot(location, signal, { version: 6 })).rejects.toMatchObject({ code: 'table_corrupt' });
  });

  test('a hole in the log is corrupt and names the entry', async () => {
    const { location } = await tableOf(5);
    await location.store.delete(entryName(3), signal);
    await expect(readSnapshot(location, signal)).rejects.toMatchObject({
      code: 'table_corrupt',
      message: expect.stringMatching(/0003\.json.*rebuild/),
    });
  });

  test('an entry that is no JSON is corrupt and named', async () => {
    const { location } = await tableOf(1);
    await putText(location.store, entryName(2), '{"add":{\n{"commitInfo":{}}\n');
    await expect(readSnapshot(location, signal)).rejects.toMatchObject({
      code: 'table_corrupt',
      context: { path: entryName(2) },
    });
  });

  test('files that another program left in the log folder are passed over', async () => {
    const { location, last } = await tableOf(2);
    for (const name of ['_commits/x.json', '00000000000000000002.crc', '.tmp', '3.json', '_last_vacuum_info']) {
      await putText(location.store, `${LOG}${name}`, 'x');
    }
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
  });
});

describe('log checkpoints', () => {
  test('are written every twenty versions, and the entries before them are needed no more', async () => {
    const { location, last } = await tableOf(23);
    for (let version = 0; version <= 20; version++) await location.store.delete(entryName(version), signal);
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
  });

  test('keep files, null partitions, statistics, transactions, properties and young tombstones', async () => {
    const { location, last } = await tableOf(4);
    await writeLogCheckpoint(location, { nowMs: Date.now() }, signal);
    for (let version = 0; version <= 4; version++) await location.store.delete(entryName(version), signal);
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
    const pointer = await location.store.read(`${LOG}_last_checkpoint`, signal);
    expect(JSON.parse(new TextDecoder().decode(pointer))).toMatchObject({ version: 4, size: 11, numOfAddFiles: 7 });
  });

  test('forget tombstones after a week', async () => {
    const { location } = await tableOf(4);
    const laterMs = Date.now() + 8 * 86_400_000;
    await writeLogCheckpoint(location, { nowMs: laterMs }, signal);
    const pointer = await location.store.read(`${LOG}_last_checkpoint`, signal);
    expect(JSON.parse(new TextDecoder().decode(pointer))).toMatchObject({ size: 10 });
  });

  test.each(['{"version":', '{"version":"20"}', '{"version":999}', ''])(
    'a pointer that says %j stops no reader',
    async (text) => {
      const { location, last } = await tableOf(21);
      await putText(location.store, `${LOG}_last_checkpoint`, text);
      expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
    },
  );

  test('a checkpoint that cannot be read is passed over for the entries, or for an older one', async () => {
    const { location, last } = await tableOf(22);
    await putText(location.store, checkpointName(20), 'PAR1 nonsense PAR1');
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
    await writeLogCheckpoint(location, { version: 7, nowMs: Date.now() }, signal);
    for (let version = 0; version < 7; version++) await location.store.delete(entryName(version), signal);
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
  });

  test('are read once by a process, and again where another file has taken the place', async () => {
    const { location, last } = await tableOf(20);
    const read: string[] = [];
    const inner = location.store;
    const store = { ...inner, read: (path: string, stop: AbortSignal) => (read.push(path), inner.read(path, stop)) };
    const counted = { ...location, store };
    for (let time = 0; time < 3; time++) expect(facts(await readSnapshot(counted, signal))).toEqual(facts(last));
    expect(read.filter((path) => path === checkpointName(20))).toHaveLength(1);
    await putText(location.store, checkpointName(20), 'PAR1 nonsense PAR1');
    expect(facts(await readSnapshot(counted, signal))).toEqual(facts(last));
    expect(read.filter((path) => path === checkpointName(20)).length).toBeGreaterThan(1);
  });

  test('a Parquet file of something else under a checkpoint’s name is passed over', async () => {
    const { location, last } = await tableOf(3);
    const other = new URL('../../golden/delta/no-checkpoint.parquet', import.meta.url);
    await location.store.put(checkpointName(2), await readFile(other), signal);
    expect(facts(await readSnapshot(location, signal))).toEqual(facts(last));
  });

  test('the pointer never goes back to an older one', async () => {
    const { location } = await tableOf(21);
    await writeLogCheckpoint(location, { version: 7, nowMs: Date.now() }, signal);
    const pointer = await location.store.read(`${LOG}_last_checkpoint`, signal);
    expect(JSON.parse(new TextDecoder().decode(pointer))).toMatchObject({ version: 20 });
  });

  test('that come back otherwise than written are never pointed to', async () => {
    const { location } = await tableOf(3);
    const store: ObjectStore = {
      ...location.store,
      put: (path, data, abort) => location.store.put(path, data.subarray(1), abort),
    };
    const writing = writeLogCheckpoint({ ...location, store }, { nowMs: Date.now() }, signal);
    await expect(writing).rejects.toMatchObject({ code: 'table_corrupt' });
    expect(await location.store.read(`${LOG}_last_checkpoint`, signal)).toBeUndefined();
  });

  test('that fail leave the commit standing, with a warning', async () => {
    const { location, last } = await tableOf(19);
    const store: ObjectStore = { ...location.store, put: () => Promise.reject(new Error('disk full')) };
    const warnings: string[] = [];
    const log = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) };
    const change = { operation: 'WRITE', add: [newFile()] };
    const result = await commit({ ...location, store }, last, change, { ...context, log }, signal);
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 20 } });
    expect(warnings).toEqual(['log checkpoint not written']);
  });
});

describe('a table as Spark writes it', () => {
  test('with a checkpoint in Spark’s layout and entries after it is read whole', async () => {
    const snapshot = await readSnapshot(await golden('spark-checkpoint'), signal);
    expect(snapshot?.version).toBe(11);
    expect(snapshot?.contract.columns).toEqual([
      { name: 'id', type: 'long' },
      { name: 'day', type: 'date' },
      { name: 'amount', type: 'decimal(18,2)' },
    ]);
    expect(paths(snapshot)).toEqual(['day=2026-01-01/part-00000-a.c000.snappy.parquet', 'part-00002.parquet']);
    expect(snapshot?.files.get('part-00002.parquet')?.partitionValues).toEqual({ day: null });
    expect(snapshot?.transactions).toEqual(new Map([['stream-1', 12]]));
  });

  test('with escaped paths: a remove finds its add however the path is encoded', async () => {
    const snapshot = await readSnapshot(await golden('escaped-paths'), signal);
    expect(paths(snapshot)).toEqual(['label=a%2520b%252F%C3%BC/part-1.parquet']);
  });
});

async function history(): Promise<TableLocation> {
  const place = { store: openMemory(), root: 'silver/x' };
  let at = await ensureTable(place, contract, { context }, signal);
  const step = async (change: Partial<Change>): Promise<void> => {
    const result = await commit(place, at, { operation: 'WRITE', ...change }, context, signal);
    at = result.snapshot;
  };
  const [a, b, c, ab] = ['a', 'b', 'c', 'ab'].map((name) => fileNamed(name));
  if (!a || !b || !c || !ab) throw new Error('four files');
  await step({ add: [a] });
  await step({ add: [b] });
  await step({ remove: [a, b], add: [ab], dataChange: false });
  await step({ add: [c] });
  await step({ remove: [c, ab], add: [fileNamed('d')] });
  return place;
}

describe('changes between versions', () => {
  test('files that a compaction replaced are still those that were added', async () => {
    const found = await changesBetween(await history(), -1, 4, signal);
    expect([names(found.added), names(found.removed)]).toEqual([['a', 'b', 'c'], []]);
  });

  test('the start is exclusive and the end inclusive', async () => {
    const found = await changesBetween(await history(), 1, 2, signal);
    expect([names(found.added), names(found.removed)]).toEqual([['b'], []]);
    const none = await changesBetween(await history(), 4, 4, signal);
    expect(none).toEqual({ added: [], removed: [] });
  });

  test('a file that came and went within the range is in neither list; one from before is removed', async () => {
    const found = await changesBetween(await history(), 3, 5, signal);
    expect([names(found.added), names(found.removed)]).toEqual([['d'], ['ab']]);
    expect(found.removed[0]).toMatchObject({ partitionValues: { day: '2026-01-05' }, sizeBytes: 10 });
  });

  test('an entry that was cleaned away is corrupt and names rebuild', async () => {
    const place = await history();
    await place.store.delete(`${place.root}/_delta_log/00000000000000000002.json`, signal);
    // Whoever has read it needs it no more.
    const elsewhere = { ...place, store: { ...place.store } };
    await expect(changesBetween(elsewhere, 0, 4, signal)).rejects.toMatchObject({
      code: 'table_corrupt',
      message: expect.stringContaining('rebuild'),
    });
  });

  test('a remove without its partition is described by the add before the range', async () => {
    const place = await history();
    const remove = { path: fileNamed('d').path, dataChange: true };
    await putText(place.store, `${place.root}/_delta_log/00000000000000000006.json`, JSON.stringify({ remove }));
    const found = await changesBetween(place, 5, 6, signal);
    expect(found.removed).toEqual([fileNamed('d')]);
  });
});
