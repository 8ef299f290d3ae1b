import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  commit,
  defineRelation,
  ensureTable,
  readSnapshot,
  writeFiles,
  type Snapshot,
  type TableLocation,
} from '../../src/delta/delta.ts';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { openStore, parseLake } from '../../src/storage/open-store.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { context, contract, entryText, newFile, paths, signal } from '../support/delta-fixtures.ts';
import { faultyStore, type PutFault } from '../support/faulty-store.ts';

const MiB = 2 ** 20;

let azurite: Azurite;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-delta-'));
  azurite = await startAzurite();
});
afterAll(async () => {
  await azurite?.stop();
  await rm(folder, { recursive: true, force: true });
});

const adapters: Record<string, () => Promise<ObjectStore>> = {
  folder: async () => openFolder(path.join(folder, randomUUID())),
  memory: async () => openMemory(),
  'azure blob': () =>
    openStore(parseLake(`${azurite.blobUrl}/${randomUUID()}`), { connectionString: azurite.connectionString }, signal),
};

/** The table as another process has it: commits of one process through one store wait for each other. */
function fromElsewhere({ store, root }: TableLocation): TableLocation {
  return { store: { ...store }, root };
}

describe.each(Object.entries(adapters))('commits to a table in the %s store', (_name, open) => {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  test('eight writers create the same table at once: one table, which all of them see', async () => {
    const location = { store, root: `created/${randomUUID()}` };
    const tables = await Promise.all(
      Array.from({ length: 8 }, () => ensureTable(location, contract, { context }, signal)),
    );
    expect(new Set(tables.map(({ tableId }) => tableId)).size).toBe(1);
    expect(tables.every(({ version }) => version === 0)).toBe(true);
  });

  test('four writers append ten times each at once: versions without holes, every file once', async () => {
    const appended = { store, root: `appended/${randomUUID()}` };
    await ensureTable(appended, contract, { context }, signal);
    const written = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const location = fromElsewhere(appended);
        let snapshot = (await readSnapshot(location, signal)) as Snapshot;
        const names: string[] = [];
        for (let turn = 0; turn < 10; turn++) {
          const add = newFile();
          const result = await commit(location, snapshot, { operation: 'WRITE', add: [add] }, context, signal);
          expect(result.kind).toBe('committed');
          ({ snapshot } = result);
          names.push(add.path);
        }
        return names;
      }),
    );
    const last = await readSnapshot(appended, signal);
    expect(last?.version).toBe(40);
    expect(paths(last)).toEqual(written.flat().toSorted());
  });

  test('[I15] eight writers race for the same step of a txn: exactly one commits, the others are told', async () => {
    const location = { store, root: `raced/${randomUUID()}` };
    const base = await ensureTable(location, contract, { context }, signal);
    const results = await Promise.all(
      Array.from({ length: 8 }, () => {
        const transactions = [{ appId: 'sluice/bronze/a/1/0', expected: undefined, next: 100 }];
        const change = { operation: 'WRITE', add: [newFile()], transactions } as const;
        return commit(fromElsewhere(location), base, change, context, signal);
      }),
    );
    expect(results.filter(({ kind }) => kind === 'committed')).toHaveLength(1);
    const lost = results.flatMap((result) => (result.kind === 'conflicted' ? [result.reason] : []));
    expect(lost).toEqual(Array.from({ length: 7 }, () => 'transaction'));
    const last = await readSnapshot(location, signal);
    expect([last?.version, last?.files.size, last?.transactions.get('sluice/bronze/a/1/0')]).toEqual([1, 1, 100]);
  });

  test.each<PutFault>(['fails', 'reply lost', 'repeated'])(
    '[I16] a put of the entry that %s is settled: the change is in the table once',
    async (fault) => {
      const location = { store, root: `faulty/${randomUUID()}` };
      const base = await ensureTable(location, contract, { context }, signal);
      const faulty = { store: faultyStore(store, [fault, fault]), root: location.root };
      const add = newFile();
      const result = await commit(faulty, base, { operation: 'WRITE', add: [add] }, context, signal);
      expect(result.kind).toBe('committed');
      const last = await readSnapshot(location, signal);
      expect([last?.version, paths(last)]).toEqual([1, [add.path]]);
    },
  );

  test('rows that were written and committed are read back through a scratch of its own', async () => {
    const location = { store, root: `rows/${randomUUID()}` };
    const base = await ensureTable(location, contract, { context }, signal);
    const spill = path.join(folder, 'spill');
    const database = await openDatabase({ memoryBytesMax: 128 * MiB, threads: 1, temporaryFolder: spill });
    const scratch = await openScratch(path.join(folder, randomUUID()), 10 * MiB);
    await database.run(`CREATE TABLE batch AS
      SELECT i AS id, 'ü' || i AS label, DATE '2026-01-05' + (i % 3)::INTEGER AS day FROM range(9) t(i)`);
    const add = await writeFiles(database, location, contract, 'batch', scratch, signal);
    expect((await commit(location, base, { operation: 'WRITE', add }, context, signal)).kind).toBe('committed');
    const files = (await readSnapshot(location, signal))?.files.values() ?? [];
    await defineRelation(database, 'found', location, contract, files, scratch, signal);
    const differences = '(FROM found EXCEPT ALL FROM batch) UNION ALL (FROM batch EXCEPT ALL FROM found)';
    expect(await database.rows(differences)).toEqual([]);
    expect(await database.rows('SELECT count(*)::INTEGER AS n FROM found')).toEqual([{ n: 9 }]);
    await scratch.close();
    database.close();
  });

  test('[I16] a reply that is lost to another writer is a lost race, retried at the next version', async () => {
    const location = { store, root: `lost/${randomUUID()}` };
    const base = await ensureTable(location, contract, { context }, signal);
    const [theirs, ours] = [newFile(), newFile()];
    const rival = faultyStore(store, []);
    const beaten = {
      ...rival,
      async putIfAbsent(name: string, data: Uint8Array, abort: AbortSignal): Promise<boolean> {
        if (name.endsWith('01.json'))
          await commit(location, base, { operation: 'WRITE', add: [theirs] }, context, abort);
        return rival.putIfAbsent(name, data, abort);
      },
    };
    const result = await commit(
      { ...location, store: beaten },
      base,
      { operation: 'WRITE', add: [ours] },
      context,
      signal,
    );
    expect(result).toMatchObject({ kind: 'committed', snapshot: { version: 2 } });
    expect(paths(await readSnapshot(location, signal))).toEqual([theirs.path, ours.path].toSorted());
    expect(await entryText(location, 2)).toContain(ours.path);
  });
});
