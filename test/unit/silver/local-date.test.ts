import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';
import { defineLocalDate } from '../../../src/silver/local-date.ts';

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ memoryBytesMax: 256 * 2 ** 20, threads: 1, temporaryFolder: tmpdir() });
});
afterAll(() => database.close());

/** With summer time, without, by half an hour, by three quarters, twice a year by the moon, and a day that was none. */
const zones = [
  ['America/Sao_Paulo', '2018-12-01'],
  ['America/Sao_Paulo', '2026-01-20'],
  ['America/New_York', '2026-11-24'],
  ['Europe/Lisbon', '2026-03-29'],
  ['Africa/Casablanca', '2026-05-01'],
  ['Australia/Lord_Howe', '2026-06-01'],
  ['Antarctica/Troll', '2026-06-01'],
  ['Asia/Kathmandu', '2026-06-01'],
  ['Asia/Tehran', '2023-01-01'],
  ['Pacific/Apia', '2012-01-10'],
  ['Pacific/Kiritimati', '2026-01-01'],
  ['UTC', '2026-01-01'],
] as const;

test.each(zones)('the local date in %s around %s is that of AT TIME ZONE, at every change too', async (zone, now) => {
  await defineLocalDate(database, zone, Date.parse(`${now}T13:14:15.678Z`));
  const instants = `
    SELECT make_timestamptz(epoch_us(TIMESTAMPTZ '${now} 00:00:00Z') + minute * 60000000 + off) AS instant
    FROM range(-600 * 1440, 100 * 1440, 15) AS minutes(minute), (VALUES (-1), (0), (1)) AS offs(off)
    UNION ALL FROM (VALUES (NULL), (TIMESTAMPTZ '1999-12-31 23:59:59Z'), (TIMESTAMPTZ '2100-01-01 00:00:00Z'))`;
  const [found] = await database.rows<{ instants: bigint; wrong: bigint; dates: bigint }>(`
    SELECT count(*) AS instants, count(DISTINCT local_date(instant)) AS dates,
      count(*) FILTER (local_date(instant) IS DISTINCT FROM (instant AT TIME ZONE '${zone}')::DATE) AS wrong
    FROM (${instants})`);
  expect(found).toMatchObject({ instants: 201_603n, wrong: 0n });
  expect(Number(found?.dates)).toBeGreaterThanOrEqual(700);
});
