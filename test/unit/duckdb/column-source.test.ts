import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { byteColumnOf } from '../../../src/base/byte-column.ts';
import type { ByteColumn } from '../../../src/base/byte-column.ts';
import { defineColumnSource, openDatabase } from '../../../src/duckdb/duckdb.ts';
import type { ColumnRows, Database, HeldRows } from '../../../src/duckdb/duckdb.ts';

let database: Database;
let rows: HeldRows;

beforeAll(async () => {
  database = await openDatabase({ memoryBytesMax: 256 * 2 ** 20, threads: 2, temporaryFolder: tmpdir() });
  rows = await defineColumnSource(database, 'arrived', [
    { name: 'n', kind: 'long' },
    { name: 'text', kind: 'text' },
    { name: 'small', kind: 'integer' },
    { name: 'moment', kind: 'timestamp' },
  ]);
});
afterAll(() => database.close());

function texts(values: readonly (Buffer | string | null)[]): ByteColumn {
  return byteColumnOf(values.map((value) => (value === null ? undefined : Buffer.from(value))));
}

function group(from: number, values: readonly (Buffer | string | null)[]): ColumnRows {
  const count = values.length;
  return {
    count,
    columns: [
      BigInt64Array.from(values, (_, i) => BigInt(from + i)),
      texts(values),
      new Int32Array(count).fill(-7),
      new BigInt64Array(count).fill(1_767_225_600_123_456n),
    ],
  };
}

test('groups of more rows than a chunk come out in order, with their nulls, as often as they are read', async () => {
  const values = Array.from({ length: 5_000 }, (_, i) => (i % 7 === 0 ? null : `text ü ${i}`));
  const id = rows.hold([group(0, values), group(5_000, []), group(5_000, values.slice(0, 100))]);
  const sql = 'SELECT n, text, small, moment FROM arrived(CAST($id AS BIGINT))';
  for (let time = 0; time < 2; time++) {
    const found = await database.rows<{ n: bigint; text: string | null; small: number; moment: string }>(sql, { id });
    expect(found.map(({ n }) => Number(n))).toEqual(Array.from({ length: 5_100 }, (_, i) => i));
    expect(found.map(({ text }) => text)).toEqual([...values, ...values.slice(0, 100)]);
    expect(found.at(-1)).toMatchObject({ small: -7, moment: '2026-01-01 00:00:00.123456+00' });
  }
  expect(
    await database.rows('SELECT count(*) AS c, max(small) AS s FROM arrived(CAST($id AS BIGINT))', { id }),
  ).toEqual([{ c: 5_100n, s: -7 }]);
  rows.release(id);
});

test('bytes that are no text get replacement characters: only those, and never null', async () => {
  // The third and fourth are UTF-8 together, and neither is by itself.
  const values = ['good', Buffer.from([0x61, 0xff]), Buffer.from([0xc3]), Buffer.from([0xbc]), '', 'ü'];
  const id = rows.hold([group(0, values)]);
  const found = await database.rows<{ text: string }>('SELECT text FROM arrived(CAST($id AS BIGINT)) ORDER BY n', {
    id,
  });
  expect(found.map(({ text }) => text)).toEqual(['good', 'a\ufffd', '\ufffd', '\ufffd', '', 'ü']);
  rows.release(id);
});

test('rows that were released are an error and no crash', async () => {
  const id = rows.hold([group(0, ['x'])]);
  rows.release(id);
  await expect(database.rows('SELECT * FROM arrived(CAST($id AS BIGINT))', { id })).rejects.toThrow(/no rows are held/);
});
