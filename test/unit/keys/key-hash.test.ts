import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Column } from '../../../schemas/contract.ts';
import { hashRows } from '../../../src/keys/key-hash.ts';
import { HASH_BITS } from '../../../src/keys/pack-file.ts';
import { hashesOfFile, hashesOfRelation } from '../../../src/keys/read-hashes.ts';
import type { NumberValues, TextValues } from '../../../src/parquet/parquet.ts';
import { openWorkshop, present, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;

/** The lower 32 bits of each were made by another implementation. */
const GOLDEN = {
  one: [204976704398, 226438270351, 0],
  two: [56124842433, 94785942376, 187634048958],
  longs: [259367709436, 250759963880, 190023347721],
  mixed: [263751306164, 76714754290, 190023347721],
};

const texts = (...values: readonly (string | null)[]): TextValues => textsOf(values);

function textsOf(values: readonly (string | null)[]): TextValues {
  const encoded = values.map((value) => Buffer.from(value ?? ''));
  const ends = Uint32Array.from(
    encoded,
    (
      (end) => (text: Buffer) =>
        (end += text.length)
    )(0),
  );
  const starts = Uint32Array.from(encoded, (text, at) => (ends[at] as number) - text.length);
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0));
  return { bytes: Buffer.concat(encoded), starts, ends, nulls, first: 0 };
}

function longs(...values: readonly bigint[]): NumberValues {
  return { values: BigInt64Array.from(values), nulls: undefined, first: 0 };
}

function hashes(...columns: readonly (TextValues | NumberValues)[]): number[] {
  const [column] = columns;
  const count = present(column && ('starts' in column ? column.starts.length : column.values.length));
  const into = new Float64Array(count);
  return [...into.subarray(0, hashRows(columns, count, into, 0))];
}

describe('the hash of a key', () => {
  test("its low bits of one text are MurmurHash3's", () => {
    const published: Readonly<Record<string, number>> = {
      '': 0,
      hello: 0x248bfa47,
      'hello, world': 0x149bbb7f,
      'The quick brown fox jumps over the lazy dog': 0x2e4ff723,
    };
    expect(hashes(texts(...Object.keys(published))).map((hash) => hash % 2 ** 32)).toEqual(Object.values(published));
  });

  test('it never changes: packs of former versions are looked up in', () => {
    const [ids, legs] = [texts('call-1', 'Anruf-ß-日本-🎉', ''), texts('', 'leg', 'leg-00012')];
    expect(hashes(ids)).toEqual(GOLDEN.one);
    expect(hashes(ids, legs)).toEqual(GOLDEN.two);
    expect(hashes(longs(0n, -1n, 2n ** 62n + 5n))).toEqual(GOLDEN.longs);
    expect(hashes(ids, longs(0n, -1n, 2n ** 62n + 5n))).toEqual(GOLDEN.mixed);
  });

  test('a row with a null has none, and columns are told apart', () => {
    expect(hashes(texts('a', null, 'b'))).toEqual(hashes(texts('a', 'b')));
    expect(hashes(texts('a', 'a', null), texts('b', null, 'b'))).toEqual(hashes(texts('a'), texts('b')));
    expect(hashes(texts('a', 'a'), texts('b', 'b'))).toEqual([
      ...hashes(texts('a'), texts('b')),
      ...hashes(texts('a'), texts('b')),
    ]);
    expect(hashes(texts('a', 'b'), texts('b', 'b'))).toEqual([
      ...hashes(texts('a'), texts('b')),
      ...hashes(texts('b'), texts('b')),
    ]);
    expect(hashes(texts('ab'), texts('c'))).not.toEqual(hashes(texts('a'), texts('bc')));
    expect(hashes(texts(''), texts('a'))).not.toEqual(hashes(texts('a'), texts('')));
  });

  test.each([
    ['numbered ids', (at: number) => `call-${at}`],
    ['padded ids', (at: number) => `leg-${String(at).padStart(24, '0')}`],
    ['ids like UUIDs', (at: number) => `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`],
  ])('%s fall together as seldom as chance has it, in all bits and in the upper ones', (_, id) => {
    const count = 2 ** 19;
    const made = hashes(textsOf(Array.from({ length: count }, (__, at) => id(at))));
    expect(made.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < 2 ** HASH_BITS)).toBe(true);
    const expected = count ** 2 / 2 / 2 ** HASH_BITS;
    expect(count - new Set(made).size).toBeLessThan(20 * expected + 20);
    // Buckets of a pack are by the upper bits.
    const parts = new Int32Array(64);
    for (const hash of made) {
      const part = Math.floor(hash / 2 ** 32);
      parts[part] = (parts[part] as number) + 1;
    }
    for (const size of parts) expect(Math.abs(size - count / 64)).toBeLessThan(6 * Math.sqrt(count / 64));
  });
});

describe('keys read from a file and by a relation', () => {
  let workshop: Workshop;
  beforeAll(async () => {
    workshop = await openWorkshop();
  });
  afterAll(() => workshop.close());

  const columns: readonly Column[] = [
    { name: 'name', type: 'string' },
    { name: 'small', type: 'integer' },
    { name: 'large', type: 'long' },
    { name: 'at', type: 'timestamp' },
    { name: 'day', type: 'date' },
    { name: 'yes', type: 'boolean' },
  ];
  const rows = `SELECT CASE i % 7 WHEN 3 THEN NULL ELSE 'ключ ' || i END AS name,
      CASE i % 11 WHEN 5 THEN NULL ELSE (i - 500)::INTEGER END AS small, (i - 500) * 10000000000 AS large,
      make_timestamptz((i - 500) * 86400123456) AS at, DATE '1970-01-01' + (i - 500)::INTEGER AS day, i % 2 = 0 AS yes
    FROM range(1000) AS t (i)`;

  test.each([['name'], ['small'], ['large'], ['at'], ['name', 'small', 'large', 'at']])(
    'they are the same: %s',
    async (...names) => {
      const { database, scratch } = workshop;
      const chosen = names.map((name) => present(columns.find((column) => column.name === name)));
      const target = scratch.newFile('.parquet');
      await database.run(`COPY (${rows}) TO $target (FORMAT parquet, COMPRESSION zstd)`, { target });
      const read = present(await hashesOfFile(target, chosen));
      expect(new Set(read).size).toBe(read.length);
      const from = { sql: `(${rows})` };
      expect(await hashesOfRelation(database, from, chosen, scratch, signal)).toEqual(read);
      const without = names.filter((name) => ['name', 'small'].includes(name)).map((name) => `${name} IS NOT NULL`);
      const [known] = await database.rows<{ n: bigint }>(
        `SELECT count(*) AS n FROM (${rows}) WHERE ${['true', ...without].join(' AND ')}`,
      );
      expect(read).toHaveLength(Number(known?.n));
    },
  );

  test('days and truth values are read by SQL alone, each value with a hash of its own', async () => {
    const { database, scratch } = workshop;
    const hashed = async (name: string) => {
      const chosen = columns.filter((column) => column.name === name);
      expect(await hashesOfFile('none', chosen)).toBeUndefined();
      return new Set(await hashesOfRelation(database, { sql: `(${rows})` }, chosen, scratch, signal)).size;
    };
    expect(await hashed('day')).toBe(1000);
    expect(await hashed('yes')).toBe(2);
  });

  test('keys that stand one behind the other are one', async () => {
    const { database, scratch } = workshop;
    const of = async (sql: string) =>
      hashesOfRelation(database, { sql }, [{ name: 'name', type: 'string' }], scratch, signal);
    const [a, b] = await of("(VALUES ('a'), ('b')) AS t (name)");
    const many = await of("(SELECT CASE i WHEN 9000 THEN 'b' ELSE 'a' END AS name FROM range(20000) AS t (i))");
    expect([...many]).toEqual([a, b, a]);
  });
});
