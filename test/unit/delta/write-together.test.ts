import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TableContract } from '../../../schemas/contract.ts';
import {
  defineRelation,
  writeFiles,
  type DataFile,
  type TableLocation,
  type WriteOptions,
} from '../../../src/delta/delta.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { openScratch, type Scratch } from '../../../src/storage/scratch.ts';
import { signal } from '../../support/delta-fixtures.ts';

const contract: TableContract = {
  columns: [
    { name: 'day', type: 'date' },
    { name: 'id', type: 'long' },
    { name: 'label', type: 'string' },
    { name: 'ratio', type: 'decimal(18,2)' },
  ],
  partitionColumns: ['day'],
};

/** Ten rows of three days and of none. */
const ROWS = `
  SELECT
    CASE WHEN i < 9 THEN DATE '2026-01-05' + (i // 4)::INTEGER END AS day,
    9007199254740993 + i AS id, 'label ' || i AS label, (i / 4)::DECIMAL(18, 2) AS ratio
  FROM range(10) t(i)`;

let folder: string;
let database: Database;
let scratch: Scratch;
let location: TableLocation;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-together-'));
  database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 2, temporaryFolder: path.join(folder, 'spill') });
  scratch = await openScratch(path.join(folder, 'scratch'), 2 ** 26);
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  location = { store: openMemory(), root: 'gold/things' };
  await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
});

interface Other {
  readonly store?: TableLocation['store'];
  readonly table?: TableContract;
}

function write(options: WriteOptions, { store = location.store, table = contract }: Other = {}): Promise<DataFile[]> {
  return writeFiles(database, { ...location, store }, table, 'rows', scratch, signal, options);
}

async function newFiles(): Promise<string[]> {
  const own = (await readdir(path.join(folder, 'scratch'))).find((name) => name.startsWith('new-'));
  return readdir(path.join(folder, 'scratch', own ?? 'none'));
}

test('by one statement for all partition values: the same files, and no local file stays', async () => {
  const about = ({ partitionValues, statistics }: DataFile): string => `${partitionValues['day']} ${statistics}`;
  const together = await write({ together: true });
  expect(together).toHaveLength(4);
  expect(together.map(about).toSorted()).toEqual((await write({})).map(about).toSorted());
  await defineRelation(database, 'found', location, contract, together, scratch, signal);
  const different = '(FROM "rows" EXCEPT ALL FROM found) UNION ALL (FROM found EXCEPT ALL FROM "rows")';
  expect(await database.rows(different)).toEqual([]);
  expect(await newFiles()).toEqual([]);
});

test('none for an empty relation; one for a table without partitions', async () => {
  expect(await write({ together: true }, { table: { ...contract, partitionColumns: [] } })).toHaveLength(1);
  await database.run('DELETE FROM "rows"');
  expect(await write({ together: true })).toEqual([]);
  expect(await newFiles()).toEqual([]);
});

test('partition values that no path can have as they are', async () => {
  const texts = ["a/b=c %41 é'", '..', ' ', '__HIVE_DEFAULT_PARTITION__'];
  const values = texts.map((_, index) => `(${index}::BIGINT, $text${index})`).join(', ');
  const named = Object.fromEntries(texts.map((text, index) => [`text${index}`, text]));
  await database.run(`CREATE OR REPLACE TABLE "rows" AS FROM (VALUES ${values}) AS t (id, label)`, named);
  const table: TableContract = { columns: contract.columns.slice(1, 3), partitionColumns: ['label'] };
  const files = await write({ together: true }, { table });
  expect(files.map(({ partitionValues }) => partitionValues['label']).toSorted()).toEqual(texts.toSorted());
  await defineRelation(database, 'found', location, table, files, scratch, signal);
  expect(await database.rows('FROM "rows" EXCEPT FROM found')).toEqual([]);
});

test('files stay until their upload has ended, and go where one fails', async () => {
  const memory = openMemory();
  const slow: TableLocation['store'] = {
    ...memory,
    async upload(name, localFile, stop) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return memory.upload(name, localFile, stop);
    },
  };
  expect(await write({ together: true }, { store: slow })).toHaveLength(4);
  const failing: TableLocation['store'] = { ...memory, upload: () => Promise.reject(new Error('no room')) };
  await expect(write({ together: true }, { store: failing })).rejects.toThrow('no room');
  expect(await newFiles()).toEqual([]);
});
