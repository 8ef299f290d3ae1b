import { describe, expect, test } from 'vitest';
import {
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
import { context, contract, entryText, newFile, paths, putText, signal } from '../../support/delta-fixtures.ts';

const ROOT = 'bronze/things';
const LOG = `${ROOT}/_delta_log/`;
const entryName = (version: number): string => `${LOG}${String(version).padStart(20, '0')}.json`;
const checkpointName = (version: number): string => entryName(version).replace('.json', '.checkpoint.parquet');

interface Table {
  readonly location: TableLocation;
  readonly base: Snapshot;
  /** A commit by another writer: our code, another snapshot, and nothing that is known of the log. */
  theirs(commits?: number): Promise<Snapshot>;
  ours(change?: Partial<Change>, from?: Snapshot, store?: ObjectStore): ReturnType<typeof commit>;
}

async function newTable(): Promise<Table> {
  const location = { store: openMemory(), root: ROOT };
  const base = await ensureTable(location, contract, { context }, signal);
  const elsewhere = { ...location, store: { ...location.store } };
  return {
    location,
    base,
    async theirs(commits = 1) {
      let last = (await readSnapshot(elsewhere, signal)) as Snapshot;
      for (let turn = 0; turn < commits; turn++) {
        const change = { operation: 'WRITE', add: [newFile()] };
        last = (await commit(elsewhere, last, change, context, signal)).snapshot;
      }
      return last;
    },
    ours: (change = { add: [newFile()] }, from = base, store = location.store) =>
      commit({ ...location, store }, from, { operation: 'WRITE', ...change }, context, signal),
  };
}

/** Counts what is written, whatever comes of it. */
function counted(store: ObjectStore): { store: ObjectStore; writes: string[] } {
  const writes: string[] = [];
  const noted = {
    ...store,
    put: (path: string, ...rest: [Uint8Array, AbortSignal]) => {
      writes.push(path);
      return store.put(path, ...rest);
    },
    putIfAbsent: (path: string, ...rest: [Uint8Array, AbortSignal]) => {
      writes.push(path);
      return store.putIfAbsent(path, ...rest);
    },
    upload: (path: string, ...rest: [string, AbortSignal]) => {
      writes.push(path);
      return store.upload(path, ...rest);
    },
  };
  return { store: noted, writes };
}

describe('a last entry that is cut off', () => {
  const cuts: [string, (text: string) => string][] = [
    ['within a line', (text) => text.slice(0, -20)],
    ['within its first line', (text) => text.slice(0, 9)],
    ['before its first byte', () => ''],
    ['to zeros', (text) => '\0'.repeat(text.length)],
  ];

  test.each(cuts)('%s stops no reader: the table is as the entry before left it', async (_, cut) => {
    const { location, theirs } = await newTable();
    const before = await theirs(2);
    await theirs();
    await putText(location.store, entryName(3), cut(await entryText(location, 3)));
    const found = await readSnapshot(location, signal);
    expect([found?.version, paths(found)]).toEqual([2, paths(before)]);
  });

  test.each(cuts)('%s lets nobody write: refused by name, before anything is put', async (_, cut) => {
    const { location, theirs, ours } = await newTable();
    await theirs();
    await putText(location.store, entryName(1), cut(await entryText(location, 1)));
    const { store, writes } = counted(location.store);
    const refusal = { code: 'table_corrupt', message: expect.stringContaining(entryName(1)) };
    await expect(ensureTable({ ...location, store }, contract, { context }, signal)).rejects.toMatchObject(refusal);
    await expect(ours({ add: [newFile()] }, undefined, store)).rejects.toMatchObject(refusal);
    expect(writes).toEqual([]);
  });

  test('that becomes whole while a writer waits is built upon', async () => {
    const { location, theirs, ours } = await newTable();
    const winner = await theirs();
    const whole = await entryText(location, 1);
    await putText(location.store, entryName(1), whole.slice(0, -20));
    let looks = 0;
    const store: ObjectStore = {
      ...location.store,
      async read(path, abort) {
        if (path === entryName(1) && ++looks === 3) await putText(location.store, path, whole);
        return location.store.read(path, abort);
      },
    };
    const result = await ours({ add: [newFile()] }, undefined, store);
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 2 } });
    expect(paths(result.snapshot)).toEqual(expect.arrayContaining(paths(winner)));
  });

  test('with another after it is a corrupt table, for readers too', async () => {
    const { location, theirs } = await newTable();
    await theirs(2);
    await putText(location.store, entryName(1), (await entryText(location, 1)).slice(0, -20));
    await expect(readSnapshot(location, signal)).rejects.toMatchObject({
      code: 'table_corrupt',
      message: expect.stringContaining(entryName(1)),
    });
  });

  test('which is the only one is no table yet for readers', async () => {
    const { location } = await newTable();
    await putText(location.store, entryName(0), '{"commitInfo":');
    expect(await readSnapshot(location, signal)).toBeUndefined();
  });
});

describe('a log that another program cleaned during a commit', () => {
  async function cleaned(table: Table): Promise<Snapshot> {
    const last = await table.theirs(5);
    await writeLogCheckpoint(table.location, { nowMs: Date.now() }, signal);
    for (let version = 0; version < 5; version++) await table.location.store.delete(entryName(version), signal);
    return last;
  }

  test('an append goes on from the checkpoint, at the next version', async () => {
    const table = await newTable();
    const theirs = await cleaned(table);
    const result = await table.ours();
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 6 } });
    const found = await readSnapshot(table.location, signal);
    expect(paths(found)).toEqual(paths(result.snapshot));
    expect(paths(found)).toEqual(expect.arrayContaining(paths(theirs)));
  });

  test('no entry is put into the hole, also where the checkpoint is all that is left', async () => {
    const table = await newTable();
    await cleaned(table);
    await table.location.store.delete(entryName(5), signal);
    const result = await table.ours();
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 6 } });
    expect(await table.location.store.read(entryName(1), signal)).toBeUndefined();
  });

  test('a change that read the partition is a conflict, since nobody can tell what changed there', async () => {
    const table = await newTable();
    await cleaned(table);
    const reads = { column: 'day', values: ['2026-01-05'] };
    expect(await table.ours({ add: [newFile()], reads })).toMatchObject({ kind: 'conflicted', reason: 'files' });
  });

  test('a txn that moved in what was cleaned is still a conflict', async () => {
    const table = await newTable();
    const step = { appId: 'a', expected: undefined, next: 5 };
    await table.ours({ add: [newFile()], transactions: [step] });
    await cleaned(table);
    const result = await table.ours({ add: [newFile()], transactions: [step] });
    expect(result).toMatchObject({ kind: 'conflicted', reason: 'transaction' });
  });

  test('properties that changed in what was cleaned are a conflict to begin anew from', async () => {
    const table = await newTable();
    await table.ours({ configuration: { 'delta.logRetentionDuration': 'interval 0 seconds' } });
    await cleaned(table);
    await expect(table.ours()).rejects.toMatchObject({ code: 'table_conflict' });
  });
});

describe('a listing that lags', () => {
  const hiding = (store: ObjectStore, hidden: string): ObjectStore => ({
    ...store,
    async *list(...call) {
      for await (const info of store.list(...call)) if (info.path !== hidden) yield info;
    },
  });

  test('hides the winner’s entry: it is read all the same, and ours lands after it', async () => {
    const { location, theirs, ours } = await newTable();
    const winner = await theirs();
    const result = await ours({ add: [newFile()] }, undefined, hiding(location.store, entryName(1)));
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 2 } });
    expect(paths(result.snapshot)).toEqual(expect.arrayContaining(paths(winner)));
  });

  test('hides the entry that moved our txn: the race is lost', async () => {
    const { location, ours } = await newTable();
    const step = { appId: 'a', expected: undefined, next: 5 };
    await ours({ add: [newFile()], transactions: [step] });
    const store = hiding(location.store, entryName(1));
    const result = await ours({ add: [newFile()], transactions: [step] }, undefined, store);
    expect(result).toMatchObject({ kind: 'conflicted', reason: 'transaction' });
  });

  test('hides an entry in the middle: it is no hole', async () => {
    const { location, theirs } = await newTable();
    const last = await theirs(3);
    const found = await readSnapshot({ ...location, store: hiding(location.store, entryName(2)) }, signal);
    expect([found?.version, paths(found)]).toEqual([3, paths(last)]);
  });
});

describe('log checkpoints among other writers', () => {
  const checkpoints = async (store: ObjectStore): Promise<number[]> => {
    const found: number[] = [];
    for await (const { path } of store.list(LOG, signal)) {
      if (path.endsWith('.checkpoint.parquet')) found.push(Number(path.slice(LOG.length, LOG.length + 20)));
    }
    return found;
  };

  test('one that could not be written is made up by a later commit', async () => {
    const { location, theirs } = await newTable();
    const last = await theirs(19);
    const full = { ...location.store, put: () => Promise.reject(new Error('disk full')) };
    await commit({ ...location, store: full }, last, { operation: 'WRITE', add: [newFile()] }, context, signal);
    expect(await checkpoints(location.store)).toEqual([]);
    const later = await theirs(5);
    expect(await checkpoints(location.store)).toEqual([25]);
    for (let version = 0; version <= 25; version++) await location.store.delete(entryName(version), signal);
    expect(paths(await readSnapshot(location, signal))).toEqual(paths(later));
  });

  test('one that another writer made in time spares ours', async () => {
    const { location, base, theirs } = await newTable();
    await theirs(12);
    await writeLogCheckpoint(location, { nowMs: Date.now() }, signal);
    const last = await theirs(8);
    await commit(
      location,
      { ...last, checkpointVersion: base.checkpointVersion },
      { operation: 'WRITE' },
      context,
      signal,
    );
    expect(await checkpoints(location.store)).toEqual([12]);
    await theirs(11);
    expect(await checkpoints(location.store)).toEqual([12, 32]);
  });

  test('one that is spoilt is made up as if it were not there', async () => {
    const { location, theirs } = await newTable();
    await theirs(20);
    await putText(location.store, checkpointName(20), 'PAR1 nonsense PAR1');
    await theirs(5);
    expect(await checkpoints(location.store)).toEqual([20, 25]);
  });
});

describe('a table that another writer upgraded', () => {
  const upgrades: [string, object][] = [
    [
      'deletion vectors',
      {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['deletionVectors'],
        writerFeatures: ['deletionVectors'],
      },
    ],
    ['column mapping by version', { minReaderVersion: 2, minWriterVersion: 5 }],
    ['a writer feature alone', { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] }],
    ['features that are none', { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: [], writerFeatures: [] }],
  ];

  test.each(upgrades)('to %s is refused with exit 5 before anything is put', async (_, protocol) => {
    const { location, ours } = await newTable();
    await putText(location.store, entryName(1), `${JSON.stringify({ protocol })}\n`);
    const { store, writes } = counted(location.store);
    const refusal = { code: 'table_unsupported', exitCode: 5 };
    await expect(ensureTable({ ...location, store }, contract, { context }, signal)).rejects.toMatchObject(refusal);
    await expect(ours({ add: [newFile()] }, undefined, store)).rejects.toMatchObject(refusal);
    expect(writes).toEqual([]);
  });
});
