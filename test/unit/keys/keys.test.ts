import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TableContract } from '../../../schemas/contract.ts';
import { silentLog } from '../../../src/base/log.ts';
import { writeFiles, type DataFile } from '../../../src/delta/delta.ts';
import { keysFolder, openKeyPacks, type KeyPacks } from '../../../src/keys/keys.ts';
import { packsToFold } from '../../../src/keys/packs-to-fold.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { Scratch } from '../../../src/storage/scratch.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { openWorkshop, present, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const contract: TableContract = {
  columns: [
    { name: 'call_id', type: 'string' },
    { name: 'leg_id', type: 'string' },
  ],
  partitionColumns: [],
};
const WANTED = { from: 'wanted' };
const FOLDER = '_sluice/keys/call_legs/';

let workshop: Workshop;
let store: ObjectStore;
/** Data files that were fetched. */
let fetched: string[];
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  fetched = [];
  const memory = openMemory();
  store = {
    ...memory,
    download(path, localFile, stop) {
      if (path.startsWith('silver/')) fetched.push(path);
      return memory.download(path, localFile, stop);
    },
  };
});

const table = () => ({ store, root: 'silver/call_legs' });

function open(columns: readonly string[] = ['call_id']): KeyPacks {
  const { database } = workshop;
  // A run of its own each time: what another one fetched it fetches again.
  const scratch = workshop.scratch.scope();
  return openKeyPacks(database, { table: table(), contract, columns, scratch, log: silentLog });
}

/** A file of the table with these keys. */
async function file(...keys: readonly string[]): Promise<DataFile> {
  const values = keys.map((key) => `('${key}', 'leg of ${key}')`).join(', ');
  await workshop.database.run(`CREATE OR REPLACE TABLE staged AS FROM (VALUES ${values}) AS t (call_id, leg_id)`);
  const [written] = await writeFiles(workshop.database, table(), contract, 'staged', workshop.scratch, signal);
  return present(written);
}

async function want(...keys: readonly string[]): Promise<void> {
  const values = keys.map((key) => `('${key}', 'leg of ${key}')`).join(', ');
  await workshop.database.run(`CREATE OR REPLACE TABLE wanted AS FROM (VALUES ${values}) AS t (call_id, leg_id)`);
}

async function packed(): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(FOLDER, signal)) paths.push(path);
  return paths;
}

const byPath = (files: readonly DataFile[]): Map<string, DataFile> => new Map(files.map((one) => [one.path, one]));

describe('finding the files of a key', () => {
  test('files in no pack are read, and from then on the pack answers', async () => {
    const files = [await file('a', 'b'), await file('c'), await file('b', 'd')];
    await want('b', 'new');
    const first = open();
    expect(await first.find(files, WANTED, signal)).toEqual([files[0], files[2]]);
    expect(fetched).toHaveLength(3);
    await first.save(byPath(files), signal);
    fetched.length = 0;
    expect(await open().find(files, WANTED, signal)).toEqual([files[0], files[2]]);
    expect(fetched).toEqual([]);
    expect(await packed()).toHaveLength(1);
  });

  test('where no key is wanted, no file holds one', async () => {
    const files = [await file('a'), await file('b')];
    await want('a');
    await workshop.database.run('DELETE FROM wanted');
    expect(await open().find(files, WANTED, signal)).toEqual([]);
  });

  test('a file that came later, by whomever, is read alone', async () => {
    const files = [await file('a'), await file('b')];
    await want('b');
    const first = open();
    await first.find(files, WANTED, signal);
    await first.save(byPath(files), signal);
    fetched.length = 0;
    const later = [...files, await file('b', 'z')];
    expect(await open().find(later, WANTED, signal)).toEqual([later[1], later[2]]);
    expect(fetched).toEqual([`silver/call_legs/${later[2]?.path}`]);
  });

  test('look-ups side by side read a file that is in no pack once', async () => {
    const files = [await file('a'), await file('b')];
    await want('b');
    const { database, scratch } = workshop;
    const opened: string[] = [];
    const counting = (inner: Scratch): Scratch => ({
      ...inner,
      fetch: (from, name, stop) => (opened.push(name), inner.fetch(from, name, stop)),
      scope: () => counting(inner.scope()),
    });
    const tools = { scratch: counting(scratch), log: silentLog };
    const packs = openKeyPacks(database, { ...tools, table: table(), contract, columns: ['call_id'] });
    const both = await Promise.all([packs.find(files, WANTED, signal), packs.find([...files], WANTED, signal)]);
    expect(both).toEqual([[files[1]], [files[1]]]);
    expect(opened).toHaveLength(2);
  });

  test('what a pack says of a file that is gone does not count', async () => {
    const [gone, live] = [await file('a'), await file('b')];
    await want('a', 'b');
    const first = open();
    await first.find([gone, live], WANTED, signal);
    await first.save(byPath([gone, live]), signal);
    await store.delete(`silver/call_legs/${gone.path}`, signal);
    expect(await open().find([live], WANTED, signal)).toEqual([live]);
  });

  test('keys noted from a new file are in the pack before anyone reads the file', async () => {
    const written = await file('a');
    const packs = open();
    const local = await workshop.scratch.fetch(store, `silver/call_legs/${written.path}`, signal);
    await packs.note(workshop.database, local, written.path);
    await packs.save(byPath([written]), signal);
    fetched.length = 0;
    await want('a');
    expect(await open().find([written], WANTED, signal)).toEqual([written]);
    expect(fetched).toEqual([]);
  });

  test('packs that were deleted are made again, with the same answers', async () => {
    const files = [await file('a'), await file('b')];
    await want('b');
    const first = open();
    await first.find(files, WANTED, signal);
    await first.save(byPath(files), signal);
    for (const path of await packed()) await store.delete(path, signal);
    const second = open();
    expect(await second.find(files, WANTED, signal)).toEqual([files[1]]);
    await second.save(byPath(files), signal);
    expect(await packed()).toHaveLength(1);
  });

  test('a pack that is spoilt is deleted, and the files are read instead', async () => {
    const files = [await file('a'), await file('b')];
    await want('b');
    const first = open();
    await first.find(files, WANTED, signal);
    await first.save(byPath(files), signal);
    const spoilt = `${FOLDER}call_id-00000000-0000-4000-8000-000000000000.keys`;
    await store.put(spoilt, new TextEncoder().encode('PAR1 half a pack'), signal);
    fetched.length = 0;
    expect(await open().find(files, WANTED, signal)).toEqual([files[1]]);
    expect(fetched).toEqual([]);
    expect(await packed()).not.toContain(spoilt);
  });

  test('a pack that cannot be written is only told: the next run reads the files', async () => {
    const files = [await file('a')];
    await want('a');
    const packs = open();
    await packs.find(files, WANTED, signal);
    const { upload } = store;
    store.upload = () => Promise.reject(new Error('full'));
    await packs.save(byPath(files), signal);
    store.upload = upload;
    expect(await packed()).toEqual([]);
    expect(await open().find(files, WANTED, signal)).toEqual(files);
  });

  test('an abort ends the reading of files that are in no pack', async () => {
    const files = [await file('a'), await file('b'), await file('c')];
    await want('a');
    const abort = new AbortController();
    const { download } = store;
    store.download = (...wanted) => {
      abort.abort();
      return download(...wanted);
    };
    await expect(open().find(files, WANTED, abort.signal)).rejects.toThrow(/abort/);
    expect(fetched).toHaveLength(1);
  });

  test('a file that nobody can read ends the search: it is not passed over', async () => {
    const files = [await file('a'), await file('b')];
    await want('b');
    await store.put(`silver/call_legs/${files[1]?.path}`, new TextEncoder().encode('PAR1 no rows PAR1'), signal);
    await expect(open().find(files, WANTED, signal)).rejects.toMatchObject({ code: 'internal' });
  });

  test('locators of several columns are told apart, and each has packs of its own', async () => {
    const files = [await file('a'), await file('b')];
    await want('a');
    for (const columns of [['call_id'], ['leg_id'], ['call_id', 'leg_id']]) {
      const packs = open(columns);
      expect(await packs.find(files, WANTED, signal)).toEqual([files[0]]);
      await packs.save(byPath(files), signal);
    }
    const names = (await packed()).map((path) => path.slice(FOLDER.length).replace(/-.*/, ''));
    expect(names.toSorted()).toEqual(['call_id', 'call_id+leg_id', 'leg_id']);
    expect(keysFolder(table())).toBe(FOLDER);
  });
});

describe('packs over time', () => {
  test('there are never more than 16, and the keys of files that are gone go with the folded', async () => {
    const files: DataFile[] = [];
    for (let run = 0; run < 40; run++) {
      const written = await file(`key ${run}`);
      files.push(written);
      const packs = open();
      await want('none');
      await packs.find(files, WANTED, signal);
      // Every other file is rewritten by somebody at once.
      await packs.save(byPath(files.filter((_, at) => at % 2 === 0)), signal);
      expect((await packed()).length).toBeLessThanOrEqual(16);
    }
    await want(...files.map((_, run) => `key ${run}`));
    fetched.length = 0;
    const even = files.filter((_, at) => at % 2 === 0);
    expect(await open().find(even, WANTED, signal)).toEqual(even);
    expect(fetched).toEqual([]);
  });

  test('the small half is folded, and a large pack only with enough beside it', () => {
    const pack = (name: number, sizeBytes: number) => ({ path: `${name}`, sizeBytes });
    const small = Array.from({ length: 15 }, (_, name) => pack(name, 10));
    expect(packsToFold(small)).toEqual([]);
    expect(packsToFold([pack(99, 10_000), ...small])).toEqual(small);
    expect(packsToFold([pack(99, 600), ...small])).toEqual([...small, pack(99, 600)]);
  });

  test('a key takes at most 5 bytes', async () => {
    await workshop.database.run(
      `CREATE OR REPLACE TABLE staged AS SELECT uuid()::VARCHAR AS call_id, 'l' AS leg_id FROM range(200000)`,
    );
    const files = await writeFiles(workshop.database, table(), contract, 'staged', workshop.scratch, signal);
    await want('none');
    const packs = open();
    await packs.find(files, WANTED, signal);
    await packs.save(byPath(files), signal);
    const [path] = await packed();
    const bytes = present(await store.read(present(path), signal)).byteLength;
    expect(bytes / 200_000).toBeLessThanOrEqual(5);
  });
});
