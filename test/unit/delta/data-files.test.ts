import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TableContract } from '../../../schemas/contract.ts';
import { defineRelation, writeFiles, type DataFile, type TableLocation } from '../../../src/delta/delta.ts';
import { encodedPath, newFilePath } from '../../../src/delta/partition-path.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';
import { openFolder } from '../../../src/storage/folder.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { openScratch, type Scratch } from '../../../src/storage/scratch.ts';
import { signal } from '../../support/delta-fixtures.ts';

const MiB = 2 ** 20;

const wide: TableContract = {
  columns: [
    { name: 'id', type: 'long' },
    { name: 'count', type: 'integer' },
    { name: 'label', type: 'string' },
    { name: 'body', type: 'string' },
    { name: 'at', type: 'timestamp' },
    { name: 'ok', type: 'boolean' },
    { name: 'ratio', type: 'decimal(18,2)' },
    { name: 'other', type: 'date' },
    { name: 'day', type: 'date' },
  ],
  partitionColumns: ['day'],
  withoutBounds: ['body'],
};

const ROWS = `
  SELECT
    9007199254740993 + i AS id, i::INTEGER AS "count", 'label ' || i AS label, repeat('x', 300) AS body,
    TIMESTAMPTZ '2026-01-05 00:00:00.000001+00' + to_hours(i) AS at, i % 2 = 0 AS ok,
    (i / 4)::DECIMAL(18, 2) AS ratio, NULL::DATE AS other,
    CASE WHEN i < 9 THEN DATE '2026-01-05' + (i // 4)::INTEGER END AS day
  FROM range(10) t(i)
  ORDER BY i DESC`;

let folder: string;
let database: Database;
let scratch: Scratch;
let location: TableLocation;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-files-'));
  database = await openDatabase({ memoryBytesMax: 256 * MiB, threads: 2, temporaryFolder: path.join(folder, 'spill') });
  scratch = await openScratch(path.join(folder, 'scratch'), 64 * MiB);
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  location = { store: openMemory(), root: 'silver/things' };
});

const write = (relation: string, contract = wide, place = location): Promise<DataFile[]> =>
  writeFiles(database, place, contract, relation, scratch, signal);
const define = (files: Iterable<DataFile>, contract = wide, name = 'found', place = location): Promise<void> =>
  defineRelation(database, name, place, contract, files, scratch, signal);

function moveTo(file: DataFile, day: string): DataFile {
  return { ...file, partitionValues: { day } };
}

async function filesRead(sql: string): Promise<number> {
  const [plan] = await database.rows<Record<string, string>>(`EXPLAIN ANALYZE ${sql}`);
  return Number(/Total Files Read: (\d+)/.exec(Object.values(plan ?? {}).join(''))?.[1] ?? 0);
}

async function newFiles(): Promise<string[]> {
  const own = (await readdir(path.join(folder, 'scratch'))).find((name) => name.startsWith('new-'));
  return readdir(path.join(folder, 'scratch', own ?? 'none'));
}

describe('data files', () => {
  test('one a partition value, the null one included, without the partition column, with its statistics', async () => {
    await database.run(`CREATE OR REPLACE VIEW ordered_view AS ${ROWS}`);
    const files = await write('ordered_view');
    expect(files.map(({ partitionValues }) => partitionValues['day'])).toEqual([
      '2026-01-05',
      '2026-01-06',
      '2026-01-07',
      null,
    ]);
    expect(files[3]?.path).toMatch(/^day=__HIVE_DEFAULT_PARTITION__\/part-[0-9a-f-]{36}\.parquet$/);
    const [first] = files;
    const stored = await location.store.read(`${location.root}/${first?.path}`, signal);
    expect(stored?.byteLength).toBe(first?.sizeBytes);
    expect(first?.statistics).toBe(
      '{"numRecords":4,' +
        '"minValues":{"id":9007199254740993,"count":0,"label":"label 0",' +
        '"at":"2026-01-05T00:00:00.000Z","ratio":0.00},' +
        '"maxValues":{"id":9007199254740996,"count":3,"label":"label 3",' +
        '"at":"2026-01-05T03:00:00.001Z","ratio":0.75},' +
        '"nullCount":{"id":0,"count":0,"label":0,"body":0,"at":0,"ok":0,"ratio":0,"other":4}}',
    );
  });

  test('are read back as the rows they were, in order, with the contract’s columns and types', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    const files = await write('rows');
    await define(files, wide, 'silver.things');
    const described = await database.rows('SELECT column_name AS n, column_type AS t FROM (DESCRIBE silver.things)');
    expect(described.map(({ n, t }) => `${String(n)} ${String(t)}`)).toEqual([
      'id BIGINT',
      'count INTEGER',
      'label VARCHAR',
      'body VARCHAR',
      'at TIMESTAMP WITH TIME ZONE',
      'ok BOOLEAN',
      'ratio DECIMAL(18,2)',
      'other DATE',
      'day DATE',
    ]);
    const different =
      '(FROM "rows" EXCEPT ALL FROM silver.things) UNION ALL (FROM silver.things EXCEPT ALL FROM "rows")';
    expect(await database.rows(different)).toEqual([]);
    const ids = await database.rows<{ id: bigint }>(`SELECT id FROM silver.things WHERE day = DATE '2026-01-05'`);
    expect(ids.map(({ id }) => Number(id - 9007199254740993n))).toEqual([3, 2, 1, 0]);
  });

  test('none for an empty relation, and no local file stays', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT * FROM (${ROWS}) WHERE false`);
    expect(await write('rows')).toEqual([]);
    expect(await write('rows', { ...wide, partitionColumns: [] })).toEqual([]);
    expect(await newFiles()).toEqual([]);
  });

  test('a column of another type than the contract’s, or none, is refused before anything is written', async () => {
    await database.run(
      `CREATE OR REPLACE TABLE "rows" AS SELECT * EXCLUDE (ok) REPLACE ("at"::TIMESTAMP AS "at") FROM (${ROWS})`,
    );
    await expect(write('rows')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/at is TIMESTAMP, not TIMESTAMP WITH TIME ZONE; ok is absent/),
    });
    for await (const info of location.store.list('', signal)) expect(info).toBeUndefined();
  });

  test('a byte-order mark at the head of the greatest text stays in its bound', async () => {
    const contract: TableContract = { columns: [{ name: 'label', type: 'string' }], partitionColumns: [] };
    await database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT chr(65279) || 'a' AS label UNION ALL SELECT 'b'`);
    const [file] = await write('rows', contract);
    expect(JSON.parse(file?.statistics ?? '')).toMatchObject({
      minValues: { label: 'b' },
      maxValues: { label: '\ufeffa' },
    });
  });

  test('a store that fails an upload fails the writing, and no local file stays', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    const store = { ...location.store, upload: () => Promise.reject(new Error('refused')) };
    await expect(write('rows', wide, { ...location, store })).rejects.toThrow('refused');
    expect(await newFiles()).toEqual([]);
  });
});

describe('a relation', () => {
  test('over no file is an empty view with the contract’s types', async () => {
    await define([]);
    expect(await database.rows('FROM found')).toEqual([]);
    const [row] = await database.rows<{ t: string }>(
      `SELECT column_type AS t FROM (DESCRIBE found) WHERE column_name = 'ratio'`,
    );
    expect(row?.t).toBe('DECIMAL(18,2)');
  });

  test('takes the partition value from the log, whatever the path says, and leaves out files by it', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    const files = await write('rows');
    const moved = files.map((file, index) => moveTo(file, `2030-01-0${index + 1}`));
    await define(moved);
    const days = await database.rows('SELECT day, count(*)::INTEGER AS n FROM found GROUP BY day ORDER BY day');
    expect(days).toEqual([4, 4, 1, 1].map((n, index) => ({ day: `2030-01-0${index + 1}`, n })));
    expect(await filesRead(`SELECT id FROM found WHERE day = DATE '2030-01-02'`)).toBe(1);
  });

  test('tells the files’ partition values and paths apart, whatever the names and however many there are', async () => {
    const place = { store: openFolder(path.join(folder, 'names')), root: 'things' };
    const contract: TableContract = {
      columns: [
        { name: 'name', type: 'string' },
        { name: 'day', type: 'date' },
      ],
      partitionColumns: ['day'],
    };
    const odd = ['a', 'A', 'a.b', 'a.parquet', 'it’s', "it's", 'x [1]', 'é', '\u{1F600}', '\u{1}', 'b\u{2}', '%41'];
    // Within the one, behind what could be a mark, stands the whole name of the other.
    odd.push(`c\u{1}${path.join(folder, 'names', 'things', 'd')}`, 'd');
    const names = [...odd, ...Array.from({ length: 60 }, (_, index) => `${(index * 37) % 60}`)];
    const days = ['2026-01-05', '2026-01-06', null, '2026-01-07'];
    const files: DataFile[] = [];
    for (const [index, name] of names.entries()) {
      const file = scratch.newFile('.parquet');
      await database.run(`COPY (SELECT $name AS name FROM range(2)) TO $file (FORMAT parquet)`, { name, file });
      await place.store.upload(`things/${name}.parquet`, file, signal);
      files.push({
        path: encodedPath(`${name}.parquet`),
        partitionValues: { day: days[index % 4] ?? null },
        sizeBytes: 1,
        modifiedAtMs: 0,
        statistics: '{"numRecords":2,"nullCount":{"name":0}}',
      });
    }
    for (const some of [files, files.slice(0, 9), files.slice(2, 3)]) {
      await defineRelation(database, 'found', place, contract, some, scratch, signal, { fileColumn: '_file' });
      const expected = some.map(({ path: file, partitionValues: { day } }) => {
        return { name: names[files.findIndex((each) => each.path === file)], day, file, n: 2 };
      });
      const found = await database.rows(
        `SELECT name, day, _file AS file, count(*)::INTEGER AS n FROM found GROUP BY ALL`,
      );
      const byFile = (left: Record<string, unknown>, right: Record<string, unknown>): number =>
        String(left['file']) < String(right['file']) ? -1 : 1;
      expect(found.toSorted(byFile)).toEqual(expected.toSorted(byFile));
      const filtered = await filesRead(`SELECT name FROM found WHERE day = DATE '2026-01-06'`);
      expect(filtered).toBe(some.filter(({ partitionValues: { day } }) => day === '2026-01-06').length);
    }
  });

  test('is no longer an expression for more files: the planner copies it for each of them', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    const files = await write('rows');
    const names = async (some: readonly DataFile[]): Promise<number> => {
      await define(some);
      const [view] = await database.rows<{ sql: string }>(`SELECT sql FROM duckdb_views() WHERE view_name = 'found'`);
      return view?.sql.split('filename').length ?? 0;
    };
    expect(await names(files)).toBe(await names(files.slice(-2)));
  });

  test('takes a column that is no partition from the file, though a directory bears its name', async () => {
    const contract: TableContract = { columns: [{ name: 'label', type: 'string' }], partitionColumns: [] };
    const place = { store: openFolder(path.join(folder, 'hive')), root: 'things' };
    const file = scratch.newFile('.parquet');
    await database.run(`COPY (SELECT 'right' AS label) TO $file (FORMAT parquet)`, { file });
    await place.store.upload('things/label=wrong/part-0.parquet', file, signal);
    const own: DataFile = {
      path: 'label=wrong/part-0.parquet',
      partitionValues: {},
      sizeBytes: 1,
      modifiedAtMs: 0,
      statistics: undefined,
    };
    await define([own], contract, 'found', place);
    expect(await database.rows('FROM found')).toEqual([{ label: 'right' }]);
  });

  test('reads files of other writers: other order, narrower numbers, naive timestamps, columns beyond', async () => {
    const file = scratch.newFile('.parquet');
    await database.run(
      `COPY (
        SELECT 'extra' AS extra, 1.5::DECIMAL(9, 2) AS ratio, 7::INTEGER AS id, 3::SMALLINT AS "count",
          'spark' AS label, NULL::VARCHAR AS body, TIMESTAMP '2026-01-05 10:00:00' AS at, true AS ok,
          NULL::DATE AS other
      ) TO $file (FORMAT parquet, COMPRESSION snappy)`,
      { file },
    );
    await location.store.upload(`${location.root}/day=x y/part-0.parquet`, file, signal);
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    const [own] = await write('rows');
    const theirs: DataFile = {
      path: 'day=x%20y/part-0.parquet',
      partitionValues: { day: '2026-02-01' },
      sizeBytes: 1,
      modifiedAtMs: 0,
      statistics: undefined,
    };
    await define(own === undefined ? [] : [own, theirs]);
    expect(await database.rows(`SELECT * FROM found WHERE label = 'spark'`)).toEqual([
      {
        id: 7n,
        count: 3,
        label: 'spark',
        body: null,
        at: '2026-01-05 10:00:00+00',
        ok: true,
        ratio: '1.50',
        other: null,
        day: '2026-02-01',
      },
    ]);
    expect(await database.rows('SELECT count(*)::INTEGER AS n FROM found')).toEqual([{ n: 5 }]);
  });

  test('that are older than a column have null in it, with and without younger files beside them', async () => {
    const place = { store: openMemory(), root: 'aged' };
    const columns = [
      { name: 'n', type: 'integer' },
      { name: 'day', type: 'date' },
    ] as const;
    const old: TableContract = { columns, partitionColumns: ['day'] };
    const young: TableContract = {
      columns: [...columns, { name: 'extra', type: 'timestamp' }],
      partitionColumns: ['day'],
    };
    await database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT unnest([1, 2]) AS n, DATE '2026-01-05' AS day`);
    const before = await write('rows', old, place);
    await database.run(`CREATE OR REPLACE TABLE "rows" AS
      SELECT 3 AS n, DATE '2026-01-06' AS day, TIMESTAMPTZ '2026-01-06 10:00:00Z' AS extra`);
    const after = await write('rows', young, place);
    const untold = [...before, ...after].map((file) => ({ ...file, statistics: undefined }));
    const found = async (files: readonly DataFile[]) => {
      await define(files, young, 'found', place);
      return database.rows('SELECT n, day::VARCHAR AS day, epoch_ms(extra)::DOUBLE AS extra FROM found ORDER BY n');
    };
    const aged = [1, 2].map((n) => ({ n, day: '2026-01-05', extra: null }));
    const fresh = { n: 3, day: '2026-01-06', extra: Date.UTC(2026, 0, 6, 10) };
    expect(await found(before)).toEqual(aged);
    expect(await found([...before, ...after])).toEqual([...aged, fresh]);
    expect(await found(untold)).toEqual([...aged, fresh]);
    expect(await found([{ ...(before[0] as DataFile), statistics: 'no JSON' }])).toEqual(aged);
    const types = await database.rows<{ column_type: string }>('DESCRIBE found');
    expect(types.map(({ column_type }) => column_type)).toEqual(['INTEGER', 'DATE', 'TIMESTAMP WITH TIME ZONE']);
  });

  test('in a folder whose name looks like a pattern is read all the same', async () => {
    const place = { store: openFolder(path.join(folder, 'lake [1]*')), root: 'things' };
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    await define(await write('rows', wide, place), wide, 'found', place);
    expect(await database.rows('SELECT count(*)::INTEGER AS n FROM found')).toEqual([{ n: 10 }]);
  });

  test('over a file that is gone is a corrupt table, on a folder as on a service', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS ${ROWS}`);
    for (const store of [openMemory(), openFolder(path.join(folder, 'gone'))]) {
      const place = { store, root: 'things' };
      const files = await write('rows', wide, place);
      await store.delete(`things/${files[0]?.path}`, signal);
      await expect(define(files, wide, 'found', place)).rejects.toMatchObject({ code: 'table_corrupt' });
    }
  });

  test('over a file outside of the table is not supported', async () => {
    const clone = { path: 'abfss://a@b/c.parquet', partitionValues: {}, sizeBytes: 1, modifiedAtMs: 0 };
    await expect(define([{ ...clone, statistics: undefined }])).rejects.toMatchObject({ code: 'table_unsupported' });
  });
});

describe('paths of partitions', () => {
  const contract: TableContract = {
    columns: [{ name: 'label', type: 'string' }],
    partitionColumns: ['label'],
  };

  test.each([
    ['2026-01-05', 'label=2026-01-05/', 'label=2026-01-05/'],
    ['a b/ü%', 'label=a b%2Fü%25/', 'label=a%20b%252F%C3%BC%2525/'],
    ['x=1?#[2]', 'label=x%3D1%3F%23%5B2%5D/', 'label=x%253D1%253F%2523%255B2%255D/'],
    ['', 'label=__HIVE_DEFAULT_PARTITION__/', 'label=__HIVE_DEFAULT_PARTITION__/'],
    [null, 'label=__HIVE_DEFAULT_PARTITION__/', 'label=__HIVE_DEFAULT_PARTITION__/'],
  ])('%j is escaped as Hive does, and encoded once more in the log', (label, object, inLog) => {
    const found = newFilePath(contract, { label });
    expect(found.startsWith(`${object}part-`)).toBe(true);
    expect(encodedPath(found).startsWith(`${inLog}part-`)).toBe(true);
    expect(decodeURIComponent(encodedPath(found))).toBe(found);
  });

  test('odd values survive writing and reading', async () => {
    await database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT unnest(['a b/ü%', 'x=1?#[2]*', 'it''s']) AS label`);
    const odd: TableContract = {
      columns: [
        { name: 'n', type: 'integer' },
        { name: 'label', type: 'string' },
      ],
      partitionColumns: ['label'],
    };
    await database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT 1::INTEGER AS n, label FROM "rows"`);
    for (const store of [openMemory(), openFolder(path.join(folder, 'odd'))]) {
      const place = { store, root: 'odd' };
      await define(await write('rows', odd, place), odd, 'found', place);
      const labels = await database.rows<{ label: string }>('SELECT label FROM found ORDER BY label');
      expect(labels.map(({ label }) => label)).toEqual(['a b/ü%', "it's", 'x=1?#[2]*']);
    }
  });
});
