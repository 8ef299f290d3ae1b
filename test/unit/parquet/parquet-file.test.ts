import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byteColumnOf } from '../../../src/base/byte-column.ts';
import { defineColumnSource, openDatabase } from '../../../src/duckdb/duckdb.ts';
import type { Database, HeldRows } from '../../../src/duckdb/duckdb.ts';
import { createParquetFile } from '../../../src/parquet/parquet.ts';
import type { ParquetColumn, ParquetRows, WrittenFile } from '../../../src/parquet/parquet.ts';

const COLUMNS: readonly ParquetColumn[] = [
  { name: 'body', type: 'string', bounds: false },
  { name: 'key', type: 'string', bounds: true },
  { name: 'number', type: 'long', bounds: true },
  { name: 'small', type: 'integer', bounds: true },
  { name: 'moment', type: 'timestamp', bounds: true },
  { name: 'run', type: 'string', bounds: true },
];

let folder: string;
let database: Database;
let held: HeldRows;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-parquet-'));
  database = await openDatabase({ memoryBytesMax: 512 * 2 ** 20, threads: 2, temporaryFolder: folder });
  held = await defineColumnSource(database, 'arrived', [
    { name: 'body', kind: 'text' },
    { name: 'key', kind: 'text' },
    { name: 'number', kind: 'long' },
    { name: 'small', kind: 'integer' },
    { name: 'moment', kind: 'timestamp' },
    { name: 'run', kind: 'text' },
  ]);
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Row {
  readonly body: string | null;
  readonly key: string | null;
  readonly number: bigint;
  readonly small: number;
  readonly moment: bigint;
}

/** Rows of one append, and the value that they have in common. */
interface Part {
  readonly rows: readonly Row[];
  readonly run: string;
}

const texts = (values: readonly (string | null)[]) =>
  byteColumnOf(values.map((value) => (value === null ? undefined : Buffer.from(value))));

function parquetRows({ rows, run }: Part): ParquetRows {
  return {
    count: rows.length,
    columns: [
      texts(rows.map(({ body }) => body)),
      texts(rows.map(({ key }) => key)),
      BigInt64Array.from(rows, ({ number }) => number),
      Int32Array.from(rows, ({ small }) => small),
      BigInt64Array.from(rows, ({ moment }) => moment),
      { repeated: run },
    ],
  };
}

let files = 0;
const newFile = (): string => path.join(folder, `${files++}.parquet`);

async function writeOurs(parts: readonly Part[]): Promise<{ file: string; written: WrittenFile }> {
  const file = newFile();
  const growing = await createParquetFile(file, COLUMNS);
  for (const part of parts) {
    const rows = parquetRows(part);
    await growing.append(rows);
    // What was appended is the file's own: the caller may use the memory again.
    for (const column of rows.columns) if ('bytes' in column) column.bytes.fill(0);
  }
  return { file, written: await growing.close() };
}

async function writeWithDuckDB(parts: readonly Part[]): Promise<string> {
  const file = newFile();
  const groups = parts.map((part) => {
    const { count, columns } = parquetRows(part);
    const run = texts(Array.from({ length: count }, () => part.run));
    return { count, columns: columns.map((column) => ('repeated' in column ? run : column)) };
  });
  const id = held.hold(groups);
  await database.run('COPY (FROM arrived(CAST($id AS BIGINT))) TO $file (FORMAT parquet, COMPRESSION zstd)', {
    id,
    file,
  });
  held.release(id);
  return file;
}

const ROWS = 'SELECT row_number() OVER () AS n, *, strlen(body) AS bytes FROM read_parquet($file)';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', '\u0000', 'a\u0000b', '\uFEFFmark', 'ü'.repeat(70), '\u{10FFFF}'),
  fc.integer({ min: 200, max: 3_000 }).map((length) => 'x'.repeat(length)),
);
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const row = fc.record<Row>({
  body: fc.option(text),
  key: fc.option(text, { freq: 2 }),
  number: fc.oneof(long, fc.constantFrom(0n, -1n, 2n ** 32n, -(2n ** 32n))),
  small: fc.integer(),
  moment: fc.bigInt({ min: 0n, max: 4_102_444_800_000_000n }),
});
const part = fc.record<Part>({
  // Many rows of a few, so that pages of mixed and of plain levels come up.
  rows: fc
    .tuple(fc.array(row, { maxLength: 12 }), fc.constantFrom(1, 1, 1, 40))
    .map(([rows, times]) => Array.from({ length: times }, () => rows).flat()),
  run: fc.constantFrom('run-1', 'run-2', ''),
});

describe('a file of ours', () => {
  test('has cell by cell what DuckDB writes of the same rows, and the same schema', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const { file, written } = await writeOurs(parts);
        const theirs = await writeWithDuckDB(parts);
        expect(await database.rows(ROWS, { file })).toEqual(await database.rows(ROWS, { file: theirs }));
        // DuckDB leaves the logical type out where the converted one says as much.
        const schema = `SELECT name, type, repetition_type, converted_type,
                               CASE WHEN name = 'moment' THEN logical_type END AS logical_type
                        FROM parquet_schema($file) WHERE type IS NOT NULL`;
        expect(await database.rows(schema, { file })).toEqual(await database.rows(schema, { file: theirs }));
        expect(written.rowCount).toBe(parts.reduce((sum, { rows }) => sum + rows.length, 0));
      }),
      { numRuns: 40 },
    );
  });

  test('tells exact bounds and null counts, in the footer too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), async (parts) => {
        const rows = parts.flatMap((each) => each.rows);
        fc.pre(rows.length > 0);
        const { file, written } = await writeOurs(parts);
        const keys = rows.flatMap(({ key }) => (key === null ? [] : [Buffer.from(key)])).toSorted(Buffer.compare);
        const numbers = rows.map(({ number }) => number).toSorted((a, b) => (a < b ? -1 : Number(a > b)));
        const smalls = rows.map(({ small }) => small).toSorted((a, b) => a - b);
        expect(Object.fromEntries(written.columns)).toMatchObject({
          body: { least: undefined, greatest: undefined, nullCount: rows.filter(({ body }) => body === null).length },
          key: { least: keys[0]?.toString(), greatest: keys.at(-1)?.toString() },
          number: { least: numbers[0], greatest: numbers.at(-1), nullCount: 0 },
          small: { least: BigInt(smalls[0] ?? 0), greatest: BigInt(smalls.at(-1) ?? 0), nullCount: 0 },
        });
        const footer = await database.rows<{ path_in_schema: string; stats_min_value: string | null }>(
          'SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata($file)',
          { file },
        );
        expect(footer.find((column) => column.path_in_schema === 'number')).toMatchObject({
          stats_min_value: String(numbers[0]),
          stats_max_value: String(numbers.at(-1)),
          stats_null_count: 0n,
        });
        expect(footer.find((column) => column.path_in_schema === 'body')?.stats_min_value).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  test('of values up to 1 MiB beside tiny ones, of columns without a value, and of many row groups', async () => {
    const rowOf = (n: number, body: string | null): Row => {
      return { body, key: null, number: BigInt(n), small: n % 7, moment: BigInt(n) * 1_000_000n };
    };
    const large = 'y'.repeat(2 ** 20);
    const parts = [
      { run: 'a', rows: Array.from({ length: 9 }, (_, n) => rowOf(n, n % 3 === 0 ? large : `small ${n}`)) },
      { run: 'b', rows: Array.from({ length: 130_000 }, (_, n) => rowOf(n, n % 2 === 0 ? null : `{"n":${n}}`)) },
      // Many pages, of which none is like another: a buffer that is filled again too early shows.
      { run: 'c', rows: Array.from({ length: 4_000 }, (_, n) => rowOf(n, `${n * 7919}-`.repeat(100))) },
    ];
    const { file } = await writeOurs(parts);
    const theirs = await writeWithDuckDB(parts);
    const sums = `SELECT count(*) AS rows, md5(string_agg(coalesce(body, '∅') || number || small || moment || run,
                  '|' ORDER BY file_row_number)) AS hash FROM read_parquet($file, file_row_number = true)`;
    expect(await database.rows(sums, { file })).toEqual(await database.rows(sums, { file: theirs }));
    const groups = await database.rows<{ rows: bigint }>(
      'SELECT DISTINCT row_group_id, row_group_num_rows AS rows FROM parquet_metadata($file) ORDER BY 1',
      { file },
    );
    expect(groups).toHaveLength(3);
    expect(groups.every(({ rows }) => rows <= 61_440n)).toBe(true);
  });

  test('is read by a reader that shares no code with either', async () => {
    const rows = ['ü', null, '', 'a\u0000b'].map((body, n) => {
      return { body, key: body, number: BigInt(n) - 2n, small: n - 2, moment: 1_767_225_600_123_456n };
    });
    const { file } = await writeOurs([
      { rows, run: 'r1' },
      { rows, run: 'r2' },
    ]);
    const { buffer, byteOffset, byteLength } = readFileSync(file);
    const found = await parquetReadObjects({
      file: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer,
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
    });
    const expected = ['r1', 'r2'].flatMap((run) =>
      rows.map((cells) => ({ ...cells, moment: new Date('2026-01-01T00:00:00.123Z'), run })),
    );
    expect(found).toEqual(expected);
  });

  test('of no rows is a file still', async () => {
    const { file, written } = await writeOurs([]);
    expect(written).toMatchObject({ rowCount: 0, sizeBytes: readFileSync(file).length });
    expect(await database.rows('SELECT * FROM read_parquet($file)', { file })).toEqual([]);
  });
});

test('a discarded file is gone, in the middle of its writing too', async () => {
  const file = newFile();
  const growing = await createParquetFile(file, COLUMNS);
  const rows = Array.from({ length: 5_000 }, (_, n) => {
    return { body: 'z'.repeat(n), key: 'k', number: 1n, small: 1, moment: 1n };
  });
  await growing.append(parquetRows({ rows, run: 'r' }));
  await growing.discard();
  expect(() => readFileSync(file)).toThrow(/ENOENT/);
  await growing.discard();
});
