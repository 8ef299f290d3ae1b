import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TableContract } from '../../../schemas/contract.ts';
import { compareRelations, isSame } from '../../../src/compare/diff.ts';
import { explanation, knownDifferences, type KnownDifference } from '../../../src/compare/differences.ts';
import { renderComparison } from '../../../src/compare/page.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';

const contract: TableContract = {
  columns: [
    { name: 'call_id', type: 'string' },
    { name: 'score', type: 'integer' },
    { name: 'area', type: 'string' },
    { name: 'loaded_at', type: 'timestamp' },
  ],
  partitionColumns: [],
};
const table = { root: 'silver/things', key: ['call_id'], ignored: ['loaded_at'] };
const nothingKnown: { readonly known: readonly KnownDifference[]; readonly source: string } = {
  known: [],
  source: 'files',
};
const never = new AbortController().signal;
let database: Database;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-diff-'));
  database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 1, temporaryFolder: folder });
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  const rows = `(VALUES ('a', 1, 'x', now()), ('b', NULL, 'y', now()), ('c', 3, NULL, now()))
    AS rows (call_id, score, area, loaded_at)`;
  for (const side of ['engine', 'reference']) await database.run(`CREATE OR REPLACE TABLE ${side} AS FROM ${rows}`);
});

const compared = (known = nothingKnown, contracts = { engine: contract, reference: contract }) =>
  compareRelations(database, table, contracts, known, never);

describe('tables that say the same are the same', () => {
  test('whenever their rows were written', async () => {
    await database.run(`UPDATE reference SET loaded_at = now() - INTERVAL 1 DAY`);
    const found = await compared();
    expect(isSame(found)).toBe(true);
    expect(found).toMatchObject({ engineRows: 3, referenceRows: 3, named: 0 });
  });
});

describe('a change by hand is found', () => {
  test.each([
    ['engine', `UPDATE engine SET score = 2 WHERE call_id = 'a'`, 'score', { key: 'a', engine: '2', reference: '1' }],
    [
      'reference',
      `UPDATE reference SET area = '' WHERE call_id = 'c'`,
      'area',
      { key: 'c', engine: null, reference: '' },
    ],
    [
      'reference',
      `UPDATE reference SET score = 0 WHERE call_id = 'b'`,
      'score',
      { key: 'b', engine: null, reference: '0' },
    ],
  ])('in a cell of the %s', async (_, statement, column, example) => {
    await database.run(statement);
    const found = await compared();
    expect(isSame(found)).toBe(false);
    expect(found.cells).toEqual([{ column, rows: 1, examples: [example] }]);
  });

  test('where a row is gone, or there twice', async () => {
    await database.run(`DELETE FROM engine WHERE call_id = 'a'`);
    await database.run(`INSERT INTO reference FROM reference WHERE call_id = 'b'`);
    const found = await compared();
    expect(found.oneSided).toEqual([
      { what: 'repeated in the reference', rows: 1, keys: [] },
      { what: 'only in the reference', rows: 1, keys: ['a'] },
    ]);
  });

  test('in a type, in the order of the columns, in the partition', async () => {
    const [first, second, ...rest] = contract.columns;
    const others: TableContract[] = [
      { ...contract, partitionColumns: ['area'] },
      { ...contract, columns: [{ name: 'call_id', type: 'long' }, ...contract.columns.slice(1)] },
      { ...contract, columns: [second, first, ...rest].filter((column) => column !== undefined) },
    ];
    for (const reference of others) {
      const found = await compared(nothingKnown, { engine: contract, reference });
      expect(isSame(found)).toBe(false);
      expect(found.shape).toContain('engine: call_id string, score integer');
    }
  });
});

describe('a difference that is named', () => {
  const known = [
    { name: 'area', sources: ['files'], table: 'silver/*', column: 'area', when: `reference.area = 'unavoidable'` },
  ];

  test('counts as named where its predicate holds, and as a difference elsewhere', async () => {
    await database.run(`UPDATE reference SET area = 'unavoidable' WHERE call_id = 'a'`);
    await database.run(`UPDATE reference SET area = 'other' WHERE call_id = 'b'`);
    const found = await compared({ known, source: 'files' });
    expect(found.named).toBe(1);
    expect(found.cells.map(({ column, rows }) => [column, rows])).toEqual([['area', 1]]);
    expect((await compared({ known, source: 'bronze' })).named).toBe(0);
  });

  test('is read from the table of DIFFERENCES.md', () => {
    const text = '| `one` | files, eventhubs | `bronze/*` | `properties` | `a.x \\| b` | because |\n';
    expect(knownDifferences(text)).toEqual([
      { name: 'one', sources: ['files', 'eventhubs'], table: 'bronze/*', column: 'properties', when: 'a.x | b' },
    ]);
    expect(explanation(knownDifferences(text), 'files', 'bronze/surveys', 'properties')).toBe(
      'coalesce(a.x | b, false)',
    );
    expect(explanation(knownDifferences(text), 'files', 'silver/surveys', 'properties')).toBe('false');
  });
});

test("the text that Spark's connector takes for a number is still explained, and no other property is", async () => {
  const known = explanation(knownDifferences(), 'eventhubs', 'bronze/surveys', 'properties');
  const explained = async (engine: string, reference: string): Promise<unknown> => {
    const values = `(SELECT $engine AS properties) AS engine, (SELECT $reference AS properties) AS reference`;
    const [row] = await database.rows(`SELECT ${known} AS explained FROM ${values}`, { engine, reference });
    return row?.['explained'];
  };
  expect(await explained('{"a":"5","b":"x"}', '{"a":5,"b":"x"}')).toBe(true);
  expect(await explained('{"a":"5","b":"x"}', '{"a":5,"b":"y"}')).toBe(false);
  expect(await explained('{"a":"6"}', '{"a":5}')).toBe(false);
});

test('the page shows what differs, and escapes what events say', async () => {
  await database.run(`UPDATE reference SET area = '<script>' WHERE call_id = 'a'`);
  const tables = [await compared()];
  const seconds = { engine: 1, reference: new Map() };
  const page = renderComparison({ events: 3, seed: 1, source: 'files', same: false, tables, page: '', seconds });
  expect(page).toContain('area: 1 rows differ');
  expect(page).toContain('&lt;script&gt;');
  expect(page).not.toContain('<script>');
});
