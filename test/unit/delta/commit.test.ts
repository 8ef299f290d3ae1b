import { describe, expect, test } from 'vitest';
import { commit, ensureTable, readSnapshot, type Change, type Snapshot } from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import {
  context,
  contract,
  entryText,
  fileNamed,
  newFile,
  paths,
  putText,
  signal,
} from '../../support/delta-fixtures.ts';

async function newTable(configuration: Record<string, string> = {}) {
  const location = { store: openMemory(), root: 'silver/things' };
  const base = await ensureTable(location, contract, { context, configuration }, signal);
  const land = async (from: Snapshot, change: Partial<Change>): Promise<Snapshot> => {
    const result = await commit(location, from, { operation: 'WRITE', ...change }, context, signal);
    expect(result.kind).toBe('committed');
    return result.snapshot;
  };
  const attempt = (from: Snapshot, change: Partial<Change>) =>
    commit(location, from, { operation: 'WRITE', ...change }, context, signal);
  return { location, base, land, attempt };
}

describe('the log', () => {
  test('version 0 is what every reader accepts: protocol 1/2 without features, one metadata', async () => {
    const { location } = await newTable({ 'sluice.timeZone': 'Europe/Lisbon' });
    const lines = (await entryText(location, 0)).trimEnd().split('\n');
    const [info, protocol, metadata] = lines.map((line) => JSON.parse(line));
    expect(lines).toHaveLength(3);
    expect(Object.keys(info)).toEqual(['commitInfo']);
    expect(protocol).toEqual({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } });
    expect(metadata.metaData).toMatchObject({
      format: { provider: 'parquet', options: {} },
      partitionColumns: ['day'],
      configuration: { 'sluice.timeZone': 'Europe/Lisbon' },
    });
    expect(JSON.parse(metadata.metaData.schemaString).fields[0]).toEqual({
      name: 'id',
      type: 'long',
      nullable: true,
      metadata: {},
    });
  });

  test('a rewrite is one entry: commitInfo first, then txn, removes with their partition, adds', async () => {
    const { location, base, land } = await newTable();
    const [old, fresh] = [fileNamed('old'), fileNamed('fresh')];
    const first = await land(base, { add: [old] });
    await land(first, {
      operation: 'MERGE',
      add: [fresh],
      remove: [old],
      fence: 7,
      transactions: [{ appId: 'a', expected: undefined, next: 3 }],
    });
    const actions = (await entryText(location, 2))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(actions.map((action) => Object.keys(action)[0])).toEqual(['commitInfo', 'txn', 'txn', 'remove', 'add']);
    expect(actions[0].commitInfo).toMatchObject({ operation: 'MERGE', operationParameters: { runId: 'run-1' } });
    expect(actions[2].txn).toMatchObject({ appId: 'sluice/fence', version: 7 });
    const shared = { partitionValues: { day: '2026-01-05' }, size: 10, dataChange: true };
    expect(actions[3].remove).toMatchObject({ ...shared, path: old.path, extendedFileMetadata: true });
    expect(actions[4].add).toMatchObject({ ...shared, path: fresh.path, stats: '{"numRecords":1}' });
  });

  test('each commit bears a token of its own', async () => {
    const { location, base, land } = await newTable();
    await land(await land(base, {}), {});
    const tokens = await Promise.all(
      [0, 1, 2].map(async (version) => {
        const [line = ''] = (await entryText(location, version)).split('\n');
        return JSON.parse(line).commitInfo.txnId as string;
      }),
    );
    expect(new Set(tokens).size).toBe(3);
  });
});

test('of those in one process who miss a table at once one makes it, and all have that one', async () => {
  const location = { store: openMemory(), root: 'silver/things' };
  const { putIfAbsent } = location.store;
  let puts = 0;
  location.store.putIfAbsent = (...put) => {
    puts += 1;
    return putIfAbsent(...put);
  };
  const opened = await Promise.all([1, 2, 3].map(() => ensureTable(location, contract, { context }, signal)));
  expect(new Set(opened.map(({ tableId }) => tableId)).size).toBe(1);
  expect(puts).toBe(1);
});

describe('a commit from an older snapshot', () => {
  test('lands where the winner only appended', async () => {
    const { location, base, land } = await newTable();
    const [theirs, ours] = [newFile(), newFile()];
    await land(base, { add: [theirs] });
    await land(base, { add: [ours] });
    expect(paths(await readSnapshot(location, signal))).toEqual([theirs.path, ours.path].toSorted());
  });

  test('of many of one process at once none loses a race', async () => {
    const { location, base } = await newTable();
    let [lost, waits] = [0, 0];
    const { putIfAbsent } = location.store;
    location.store.putIfAbsent = async (...put) => {
      const won = await putIfAbsent(...put);
      lost += Number(!won);
      return won;
    };
    const clock = { ...context.clock, sleep: async () => void (waits += 1) };
    const files = Array.from({ length: 8 }, () => newFile());
    const landing = files.map((add, at) => {
      const stop = at === 3 ? AbortSignal.abort() : signal;
      return commit(location, base, { operation: 'WRITE', add: [add] }, { ...context, clock }, stop);
    });
    // One that fails holds up none.
    const results = await Promise.allSettled(landing);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    expect([lost, waits]).toEqual([0, 0]);
    expect((await readSnapshot(location, signal))?.version).toBe(7);
  });

  test('conflicts where a file it removes is gone, and leaves nothing behind', async () => {
    const { location, base, land, attempt } = await newTable();
    const old = newFile();
    const first = await land(base, { add: [old] });
    await land(first, { remove: [old], add: [newFile()] });
    const result = await attempt(first, { remove: [old], add: [newFile()] });
    expect(result).toMatchObject({ kind: 'conflicted', reason: 'files', snapshot: { version: 2 } });
    expect((await readSnapshot(location, signal))?.version).toBe(2);
  });

  test('conflicts where the winner added to or removed from a partition it read', async () => {
    const { base, land, attempt } = await newTable();
    const reads = { column: 'day', values: ['2026-01-05'] };
    const there = newFile('2026-01-05');
    const first = await land(base, { add: [there] });
    await land(first, { add: [newFile('2026-01-05')] });
    expect(await attempt(first, { reads })).toMatchObject({ kind: 'conflicted', reason: 'files' });
    const third = await land(first, { add: [newFile('2026-01-06')], reads: { column: 'day', values: [] } });
    await land(third, { remove: [there] });
    expect(await attempt(third, { reads })).toMatchObject({ kind: 'conflicted', reason: 'files' });
  });

  test('lands where the winner wrote to another partition, or only compacted', async () => {
    const { base, land } = await newTable();
    const reads = { column: 'day', values: ['2026-01-05'] };
    const small = newFile('2026-01-05');
    const first = await land(base, { add: [small] });
    await land(first, { add: [newFile('2026-01-06')] });
    await land(first, { remove: [small], add: [newFile('2026-01-05')], dataChange: false });
    expect((await land(first, { reads, add: [newFile('2026-01-05')] })).version).toBe(4);
  });

  test('that read the whole table conflicts with any change of rows', async () => {
    const { base, land, attempt } = await newTable();
    await land(base, { add: [newFile('2030-01-01')] });
    expect(await attempt(base, { reads: 'all' })).toMatchObject({ kind: 'conflicted', reason: 'files' });
  });
});

const step = (expected: number | undefined, next: number) => ({ transactions: [{ appId: 'a', expected, next }] });

describe('a txn is a compare-and-swap', () => {
  test('it lands only where the version equals the expected one: less or greater is a conflict', async () => {
    const { base, land, attempt } = await newTable();
    const at5 = await land(base, step(undefined, 5));
    for (const expected of [undefined, 4, 6]) {
      expect(await attempt(at5, step(expected, 9))).toMatchObject({ kind: 'conflicted', reason: 'transaction' });
    }
    const at9 = await land(at5, step(5, 9));
    expect(at9.transactions.get('a')).toBe(9);
  });

  test('of several steps in a commit one wrong one stops all', async () => {
    const { location, base, land, attempt } = await newTable();
    await land(base, step(undefined, 5));
    const transactions = [
      { appId: 'b', expected: undefined, next: 1 },
      { appId: 'a', expected: undefined, next: 6 },
    ];
    expect(await attempt(base, { transactions })).toMatchObject({ kind: 'conflicted', reason: 'transaction' });
    expect((await readSnapshot(location, signal))?.transactions).toEqual(new Map([['a', 5]]));
  });
});

describe('the fence', () => {
  test('[I14] a commit with a number smaller than the table has seen is refused; equal or greater lands', async () => {
    const { base, land, attempt } = await newTable();
    const at7 = await land(base, { fence: 7 });
    expect(await attempt(base, { fence: 6, add: [newFile()] })).toMatchObject({ kind: 'conflicted', reason: 'fenced' });
    const again = await land(at7, { fence: 7 });
    const at8 = await land(again, { fence: 8 });
    expect(at8.transactions.get('sluice/fence')).toBe(8);
  });
});

describe('another writer', () => {
  const entry = 'silver/things/_delta_log/00000000000000000001.json';

  test.each([
    ['a higher writer version', { minReaderVersion: 1, minWriterVersion: 4 }],
    ['features', { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'] }],
  ])('that upgrades the table to %s stops the commit before anything is put', async (_what, protocol) => {
    const { location, base, attempt } = await newTable();
    await putText(location.store, entry, JSON.stringify({ protocol }));
    await expect(attempt(base, { add: [newFile()] })).rejects.toMatchObject({ code: 'table_unsupported' });
    await expect(ensureTable(location, contract, { context }, signal)).rejects.toMatchObject({
      code: 'table_unsupported',
    });
    expect(await location.store.read(entry.replace('1.json', '2.json'), signal)).toBeUndefined();
  });

  test('that changes the properties is a conflict to begin anew from', async () => {
    const { location, base, attempt, land } = await newTable();
    await land(base, { configuration: { 'delta.appendOnly': 'true' } });
    await expect(attempt(base, { add: [newFile()] })).rejects.toMatchObject({ code: 'table_conflict' });
    const newest = (await readSnapshot(location, signal)) as Snapshot;
    expect(newest.configuration).toEqual({ 'delta.appendOnly': 'true' });
    await land(newest, { add: [newFile()] });
  });
});

describe('a change of the table itself', () => {
  const extra = { name: 'extra', type: 'string' } as const;

  test('that adds a column keeps what another writer said of the others, and all else of the metadata', async () => {
    const { location, base } = await newTable({ 'sluice.timeZone': 'UTC' });
    const said = JSON.parse(base.metadata.schemaString) as { fields: { metadata: object }[] };
    for (const field of said.fields) field.metadata = { comment: 'by Spark' };
    const metaData = { ...base.metadata, schemaString: JSON.stringify(said) };
    await putText(location.store, 'silver/things/_delta_log/00000000000000000001.json', JSON.stringify({ metaData }));
    const theirs = (await readSnapshot(location, signal)) as Snapshot;
    const change: Change = { operation: 'ADD COLUMNS', addColumns: [extra] };
    expect((await commit(location, theirs, change, context, signal)).kind).toBe('committed');
    const found = (await readSnapshot(location, signal)) as Snapshot;
    expect(found.contract.columns).toEqual([...contract.columns, extra]);
    expect({ ...found.metadata, schemaString: '' }).toEqual({ ...base.metadata, schemaString: '' });
    const { fields } = JSON.parse(found.metadata.schemaString) as { fields: object[] };
    expect(fields).toEqual([...said.fields, { ...extra, nullable: true, metadata: {} }]);
    const [info] = (await entryText(location, 2)).split('\n');
    expect(JSON.parse(info ?? '')).toMatchObject({ commitInfo: { operation: 'ADD COLUMNS', isBlindAppend: false } });
  });

  test.each([
    ['an append', { add: [newFile()] }],
    ['another column', { addColumns: [{ name: 'other', type: 'long' } as const] }],
    ['another property', { configuration: { a: '1' } }],
  ])('lands beside no other commit: %s that came first is a conflict', async (_, first) => {
    const { base, land, attempt } = await newTable();
    const winner = await land(base, first);
    for (const change of [{ addColumns: [extra] }, { configuration: { b: '2' } }]) {
      expect(await attempt(base, change)).toMatchObject({ kind: 'conflicted', reason: 'metadata' });
    }
    await land(winner, { addColumns: [extra] });
  });

  test('stops who appends by the columns of before', async () => {
    const { base, land, attempt } = await newTable();
    await land(base, { addColumns: [extra] });
    await expect(attempt(base, { add: [newFile()] })).rejects.toMatchObject({ code: 'table_conflict' });
  });

  test('that adds a column twice is a defect of the caller', async () => {
    const { base, attempt } = await newTable();
    await expect(attempt(base, { addColumns: [{ name: 'label', type: 'long' }] })).rejects.toMatchObject({
      code: 'internal',
    });
  });
});

describe('a table that is there', () => {
  test('is refused where the contract gained a column, changed a type or its partition', async () => {
    const { location } = await newTable();
    const open = (columns: typeof contract.columns, partitionColumns = ['day']) =>
      ensureTable(location, { columns, partitionColumns }, { context }, signal);
    await expect(open([...contract.columns, { name: 'extra', type: 'string' }])).rejects.toMatchObject({
      code: 'table_conflict',
      message: expect.stringContaining('extra'),
    });
    await expect(open([{ name: 'id', type: 'integer' }, ...contract.columns.slice(1)])).rejects.toMatchObject({
      code: 'table_conflict',
      message: expect.stringContaining('id as long, not integer'),
    });
    await expect(open([...contract.columns], [])).rejects.toMatchObject({ code: 'table_conflict' });
    await expect(open(contract.columns.slice(1))).rejects.toMatchObject({ code: 'table_conflict' });
  });

  test('an append-only table takes no removal of rows: that is a defect of the caller', async () => {
    const { base, land, attempt } = await newTable({ 'delta.appendOnly': 'true' });
    const file = newFile();
    const first = await land(base, { add: [file] });
    await expect(attempt(first, { remove: [file] })).rejects.toMatchObject({ code: 'internal' });
    await land(first, { remove: [file], add: [newFile()], dataChange: false });
  });
});
