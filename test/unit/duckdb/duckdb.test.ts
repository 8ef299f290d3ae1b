import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';

let folder: string;
let database: Database;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-duckdb-'));
  database = await openDatabase({ memoryBytesMax: 200 * 2 ** 20, threads: 1, temporaryFolder: folder });
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

const LONG_QUERY = 'SELECT count(*) AS n FROM range(1000000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3';

describe('rows', () => {
  test('keep U+FEFF at the head of a text', async () => {
    const [row] = await database.rows(`SELECT chr(65279) || 'x' AS text, chr(65279) AS mark`);
    expect(row).toEqual({ text: '\uFEFFx', mark: '\uFEFF' });
  });

  test('give times in UTC on a machine that is elsewhere', () => {
    const door = new URL('../../../src/duckdb/duckdb.ts', import.meta.url).href;
    const script = `
      const { openDatabase } = await import('${door}');
      const database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 1, temporaryFolder: '${folder}' });
      const [row] = await database.rows("SELECT TIMESTAMPTZ '2026-01-05 12:00:00+00' AS instant");
      console.log(row.instant);
      database.close();`;
    const options = { env: { ...process.env, TZ: 'America/Sao_Paulo' }, encoding: 'utf8' } as const;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], options);
    expect(stdout).toBe('2026-01-05 12:00:00+00\n');
  });

  test('give whole numbers without loss, and times in UTC as text', async () => {
    const [row] = await database.rows(`
      SELECT 9007199254740993 AS long, 7::INTEGER AS number, 1.50::DECIMAL(18, 2) AS money, true AS flag,
        TIMESTAMPTZ '2026-01-05 12:00:00.123456-03' AS instant, DATE '2026-01-05' AS day, NULL AS nothing`);
    expect(row).toEqual({
      long: 9007199254740993n,
      number: 7,
      money: '1.50',
      flag: true,
      instant: '2026-01-05 15:00:00.123456+00',
      day: '2026-01-05',
      nothing: null,
    });
  });

  test('give lists, structs, maps and bytes as JavaScript has them', async () => {
    const [row] = await database.rows(`
      SELECT [DATE '2026-01-05', NULL] AS list, {a: 1::INTEGER, b: [2::INTEGER]} AS struct,
        map(['k'], [3::INTEGER]) AS pairs, '\\x01\\xFF'::BLOB AS bytes`);
    expect(row).toEqual({
      list: ['2026-01-05', null],
      struct: { a: 1, b: [2] },
      pairs: new Map([['k', 3]]),
      bytes: Buffer.from([1, 255]),
    });
  });

  test('take parameters by name, lists among them, and never as SQL', async () => {
    const [row] = await database.rows('SELECT $text AS t, $big AS b, $none AS n, list_contains($names, $text) AS c', {
      text: "it's; DROP TABLE x",
      big: 9007199254740993n,
      none: null,
      names: ['a', "it's; DROP TABLE x"],
    });
    expect(row).toEqual({ t: "it's; DROP TABLE x", b: 9007199254740993n, n: null, c: true });
  });
});

describe('a database', () => {
  test('is shared by its connections, but for temporary tables', async () => {
    await database.run('CREATE TABLE shared AS SELECT 1::INTEGER AS x; CREATE TEMP TABLE own AS SELECT 2 AS x');
    const other = await database.connect();
    expect(await other.rows('FROM shared')).toEqual([{ x: 1 }]);
    await expect(other.rows('FROM own')).rejects.toMatchObject({ code: 'internal' });
    other.close();
    expect(await database.rows('FROM shared')).toEqual([{ x: 1 }]);
  });

  test('keeps its limits, its time zone and its hands off the network on every connection', async () => {
    const other = await database.connect();
    for (const connection of [database, other]) {
      const [row] = await connection.rows(`
        SELECT current_setting('TimeZone') AS zone, current_setting('threads')::INTEGER AS threads,
          current_setting('memory_limit') AS memory, current_setting('autoinstall_known_extensions') AS fetches`);
      expect(row).toEqual({ zone: 'UTC', threads: 1, memory: '200.0 MiB', fetches: false });
    }
    other.close();
  });

  test('tells a wrong statement with DuckDB’s message and its beginning', async () => {
    await expect(database.run('SELEC 1')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('syntax error'),
      context: { statement: 'SELEC 1' },
    });
  });
});

describe('a statement that runs', () => {
  test('is stopped by its signal, with the signal’s reason, and the connection works on', async () => {
    const abort = new AbortController();
    const running = database.rows(LONG_QUERY, {}, abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(await database.rows('SELECT 1::INTEGER AS x')).toEqual([{ x: 1 }]);
    await expect(database.run('SELECT 1', {}, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('is stopped by interrupt, after which the process can exit', () => {
    const script = `
      const { openDatabase } = await import('./src/duckdb/duckdb.ts');
      const temporaryFolder = ${JSON.stringify(folder)};
      const database = await openDatabase({ memoryBytesMax: 2e8, threads: 1, temporaryFolder });
      const running = database.run(${JSON.stringify(LONG_QUERY)});
      setTimeout(() => database.interrupt(), 50);
      await running.catch((error) => console.log(error.code));
      process.exit(3);`;
    const options = { encoding: 'utf8', timeout: 20_000 } as const;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    expect([run.status, run.stdout.trim()]).toEqual([3, 'internal']);
  });
});
