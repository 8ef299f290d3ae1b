import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tmpdir } from 'node:os';
import { formatResult, type ResultFormat } from '../../../src/cli/sql-result.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 1, temporaryFolder: tmpdir() });
});
afterAll(() => database.close());

async function formatted(sql: string, format: ResultFormat): Promise<string> {
  return formatResult(await database.connection.runAndReadAll(sql), format);
}

describe('csv', () => {
  test('is a header, rows and LF; null is nothing, the empty text is quoted, quotes are doubled', async () => {
    const sql = `SELECT 1 AS n, NULL AS "a,b", '' AS empty, 'say "x", y' AS text, E'two\\nlines' AS lines`;
    expect(await formatted(sql, 'csv')).toBe('n,"a,b",empty,text,lines\n1,,"","say ""x"", y","two\nlines"\n');
  });
  test('of no rows is the header alone', async () => {
    expect(await formatted('SELECT 1 AS n WHERE false', 'csv')).toBe('n\n');
  });
  test('keeps a column that is named twice', async () => {
    expect(await formatted('SELECT 1 AS n, 2 AS n', 'csv')).toBe('n,n\n1,2\n');
  });
});

describe('every format', () => {
  test.each(['csv', 'json', 'table'] as const)('%s keeps U+FEFF at the head of a text', async (format) => {
    expect(await formatted(`SELECT chr(65279) || 'x' AS text`, format)).toContain('\uFEFFx');
  });
  test('a table of more rows than a person reads shows the first and says so; csv has all', async () => {
    const many = await formatted('SELECT 1 AS n FROM range(130000)', 'table');
    expect(many).toMatch(/\n130000 rows, the first 1000 shown: --format csv or json gives all\n$/);
    expect((await formatted('SELECT 1 AS n FROM range(130000)', 'csv')).split('\n')).toHaveLength(130_002);
  });
});

describe('json', () => {
  test('has every digit of integers and decimals', async () => {
    const sql = `SELECT 9223372036854775807::BIGINT AS big, 12.30::DECIMAL(18,2) AS exact, 'é"' AS text, true AS yes`;
    expect(await formatted(sql, 'json')).toBe(
      '[\n{"big":9223372036854775807,"exact":12.30,"text":"é\\"","yes":true}\n]\n',
    );
  });
  test('writes what has no JSON as text, and nests lists and structs', async () => {
    const sql = `SELECT 'nan'::DOUBLE AS d, [1, NULL] AS l, {x: DATE '2026-01-05'} AS s, MAP {'k': 1} AS m`;
    const [row] = JSON.parse(await formatted(sql, 'json'));
    expect(row).toEqual({ d: 'NaN', l: [1, null], s: { x: '2026-01-05' }, m: [{ key: 'k', value: 1 }] });
  });
  test('of no rows is an empty array, and a name used twice is told apart', async () => {
    expect(await formatted('SELECT 1 AS n WHERE false', 'json')).toBe('[]\n');
    expect(Object.keys(JSON.parse(await formatted('SELECT 1 AS n, 2 AS n', 'json'))[0])).toHaveLength(2);
  });
});

test('table says how many rows there are', async () => {
  const text = await formatted('SELECT NULL AS x, 7 AS y', 'table');
  expect(text).toContain('7');
  expect(text).toMatch(/\n1 row\n$/);
});
