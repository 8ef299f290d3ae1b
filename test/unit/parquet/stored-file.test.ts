import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byteColumnOf } from '../../../src/base/byte-column.ts';
import { openDatabase } from '../../../src/duckdb/duckdb.ts';
import type { Database } from '../../../src/duckdb/duckdb.ts';
import { createParquetFile, openParquetFile } from '../../../src/parquet/parquet.ts';
import type { StoredColumn, StoredValues } from '../../../src/parquet/parquet.ts';
import { randomFrom } from '../../support/hostile-stream.ts';

const COLUMNS: readonly StoredColumn[] = [
  { name: 'body', type: 'string' },
  { name: 'number', type: 'long' },
  { name: 'small', type: 'integer' },
  { name: 'moment', type: 'timestamp' },
];

type Cell = string | bigint | null;
type Row = readonly [body: string | null, number: bigint | null, small: bigint | null, moment: bigint | null];

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-stored-'));
  database = await openDatabase({ memoryBytesMax: 512 * 2 ** 20, threads: 2, temporaryFolder: folder });
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
const newFile = (): string => path.join(folder, `${files++}.parquet`);

/** The cells of a file, read as `openParquetFile` gives them. */
async function read(file: string, columns = COLUMNS): Promise<Cell[][] | undefined> {
  const stored = await openParquetFile(file, columns);
  if (stored === undefined) return undefined;
  const rows: Cell[][] = [];
  try {
    for await (const { count, columns: values } of stored.rows()) {
      for (let row = 0; row < count; row++) rows.push(values.map((column) => cellOf(column, row)));
    }
  } finally {
    await stored.close();
  }
  return rows;
}

function cellOf(column: StoredValues, row: number): Cell {
  const at = column.first + row;
  if (column.nulls?.[at] === 1) return null;
  if ('values' in column) return BigInt(column.values[at] as number | bigint);
  return Buffer.from(column.bytes.subarray(column.starts[at], column.ends[at])).toString('utf8');
}

async function writeByDuckDB(rows: readonly Row[], form: string): Promise<string> {
  await database.run(`CREATE OR REPLACE TABLE cells (body VARCHAR, number BIGINT, small INTEGER, moment TIMESTAMPTZ)`);
  const appender = await database.connection.createAppender('cells');
  for (const [body, number, small] of rows) {
    if (body === null) appender.appendNull();
    else appender.appendVarchar(body);
    if (number === null) appender.appendNull();
    else appender.appendBigInt(number);
    if (small === null) appender.appendNull();
    else appender.appendInteger(Number(small));
    appender.appendDefault();
    appender.endRow();
  }
  appender.closeSync();
  await database.run(`UPDATE cells SET moment = make_timestamptz(number)`);
  const file = newFile();
  await database.run(`COPY cells TO '${file}' (FORMAT parquet, ${form})`);
  return file;
}

/** Moments are the numbers once more. */
const rowsAny = (rows: number) =>
  fc
    .array(
      fc.tuple(
        fc.option(fc.string({ unit: 'binary', maxLength: 12 }), { nil: null, freq: 4 }),
        fc.option(fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), { nil: null, freq: 5 }),
        fc.option(fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n }), { nil: null, freq: 5 }),
      ),
      { minLength: 1, maxLength: rows },
    )
    .map((made) => made.map(([body, number, small]): Row => [body?.toWellFormed() ?? null, number, small, number]));

describe('what others wrote is read as they say', () => {
  const forms = [
    'COMPRESSION uncompressed',
    'COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1',
    'COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1000',
    'COMPRESSION zstd, ROW_GROUP_SIZE 2048',
  ];

  test('nulls, dictionaries, codecs, and values that repeat', async () => {
    await fc.assert(
      fc.asyncProperty(
        rowsAny(60),
        fc.constantFrom(...forms),
        fc.integer({ min: 1, max: 90 }),
        async (some, form, times) => {
          const rows = Array.from({ length: times }, () => some).flat();
          const file = await writeByDuckDB(rows, form);
          expect(await read(file)).toEqual(rows);
          rmSync(file);
        },
      ),
      { numRuns: 30 },
    );
  });

  test.each([
    ['another codec', 'COMPRESSION gzip', COLUMNS],
    ['other encodings', "COMPRESSION zstd, PARQUET_VERSION 'V2'", COLUMNS],
    ['a column that is not there', 'COMPRESSION zstd', [{ name: 'other', type: 'string' }]],
    ['a column of another type', 'COMPRESSION zstd', [{ name: 'number', type: 'integer' }]],
    ['an instant asked for as a number', 'COMPRESSION zstd', [{ name: 'moment', type: 'long' }]],
  ] as const)('%s: not read here', async (_, form, columns) => {
    const rows = Array.from({ length: 3000 }, (__, at): Row => [`body ${at}`, BigInt(at), BigInt(at % 7), BigInt(at)]);
    expect(await read(await writeByDuckDB(rows, form), columns)).toBeUndefined();
  });
});

test.each([true, false])('what we wrote is read as it was, compressed: %s', async (compressed) => {
  await fc.assert(
    fc.asyncProperty(rowsAny(50), fc.integer({ min: 1, max: 3000 }), async (some, times) => {
      const rows = Array.from({ length: times }, () => some)
        .flat()
        .map((row): Row => [row[0], row[1] ?? 0n, 7n, 5n]);
      const file = newFile();
      const columns = COLUMNS.map((column) => ({ ...column, bounds: false }));
      const growing = await createParquetFile(file, columns, { compressed });
      await growing.append({
        count: rows.length,
        columns: [
          byteColumnOf(rows.map(([body]) => (body === null ? undefined : Buffer.from(body)))),
          BigInt64Array.from(rows, ([, number]) => number ?? 0n),
          { repeated: 7 },
          { repeated: 5n },
        ],
      });
      await growing.close();
      expect(await read(file)).toEqual(rows);
      rmSync(file);
    }),
    { numRuns: 15 },
  );
});

test('a text that would go beyond its page: table_corrupt', async () => {
  const cells: Row[] = ['first', 'the last one'].map((body) => [body, 1n, 1n, 1n]);
  const file = await writeByDuckDB(cells, 'COMPRESSION uncompressed');
  const bytes = readFileSync(file);
  const at = bytes.indexOf('the last one') - 4;
  expect(bytes.readUInt32LE(at)).toBe(12);
  bytes.writeUInt32LE(13, at);
  writeFileSync(file, bytes);
  await expect(read(file)).rejects.toMatchObject({ code: 'table_corrupt' });
});

test('broken bytes anywhere: table_corrupt or rows, and no other error', async () => {
  const rows = Array.from({ length: 400 }, (_, at): Row => [
    at % 9 === 0 ? null : `body ${at % 50}`,
    BigInt(at),
    at % 5 === 0 ? null : BigInt(at % 3),
    BigInt(at),
  ]);
  const random = randomFrom(7);
  const codes: unknown[] = [];
  for (const form of ['COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1', 'COMPRESSION snappy', 'COMPRESSION uncompressed']) {
    const sound = readFileSync(await writeByDuckDB(rows, form));
    for (let trial = 0; trial < 400; trial++) {
      const bytes = Buffer.from(sound.subarray(0, random.chance(0.1) ? random.below(sound.length) : sound.length));
      for (let edit = random.below(4); edit >= 0 && bytes.length > 0; edit--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const file = newFile();
      writeFileSync(file, bytes);
      await read(file).catch((error: { code?: string }) => codes.push(error.code ?? error));
      rmSync(file);
    }
  }
  expect(new Set(codes)).toEqual(new Set(['table_corrupt']));
  expect(codes.length).toBeGreaterThan(200);
});
