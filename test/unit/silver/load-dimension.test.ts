import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { agentsContract } from '../../../schemas/agents.ts';
import { customersContract } from '../../../schemas/customers.ts';
import { ensureDimension, loadDimension, type DimensionSource } from '../../../src/silver/silver.ts';
import { openWorkshop, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const NAMES = customersContract.table.columns.map(({ name }) => name);
const ANA = [
  1,
  'Ana',
  '00012345678',
  'ana@example.org',
  '1980-02-29',
  'F',
  'SP',
  'Santos',
  'A',
  '2020-01-02T03:04:05Z',
];
const BIA = [
  9007199254740991,
  '\uFEFFBia, "B"',
  null,
  null,
  null,
  null,
  null,
  null,
  null,
  '2020-01-02T03:04:05.5-03:00',
];

let workshop: Workshop;
let folder: string;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
  folder = mkdtempSync(join(tmpdir(), 'sluice-dimension-'));
});
afterAll(async () => {
  await workshop.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  lake = new SmallLake(workshop);
});

const load = (source: DimensionSource) =>
  loadDimension(
    { ...lake.tools(), contract: customersContract, table: lake.table('silver/customers'), source },
    signal,
  );

const object = (row: readonly unknown[]) => Object.fromEntries(NAMES.map((name, at) => [name, row[at]]));
const csvField = (value: unknown): string => (value === null ? '' : `"${String(value).replaceAll('"', '""')}"`);

function csv(rows: readonly (readonly unknown[])[], names: readonly string[] = NAMES): DimensionSource {
  const file = join(folder, `${crypto.randomUUID()}.csv`);
  writeFileSync(file, [names, ...rows].map((row) => `${row.map(csvField).join(',')}\n`).join(''));
  return { file, format: 'csv' };
}

function json(rows: readonly (readonly unknown[])[]): DimensionSource {
  const file = join(folder, `${crypto.randomUUID()}.json`);
  writeFileSync(file, JSON.stringify(rows.map(object)));
  return { file, format: 'json' };
}

async function parquet(rows: readonly (readonly unknown[])[]): Promise<DimensionSource> {
  const file = join(folder, `${crypto.randomUUID()}.parquet`);
  const columns = 'customer_id: BIGINT, birth_date: DATE, registered_at: TIMESTAMPTZ'.split(', ');
  const typed = new Map(columns.map((column) => column.split(': ') as [string, string]));
  const cast = NAMES.map((name) => `(${name} ->> '$')::${typed.get(name) ?? 'VARCHAR'} AS ${name}`).join(', ');
  const source = json(rows) as { file: string };
  await workshop.database.run(
    `COPY (SELECT ${cast} FROM read_json('${source.file}', maximum_depth = 1)) TO '${file}' (FORMAT parquet)`,
  );
  return { file, format: 'parquet' };
}

describe('a dimension is loaded whole, with the same values', () => {
  test.each([
    ['CSV', () => csv([ANA, BIA])],
    ['JSON', () => json([ANA, BIA])],
    ['Parquet', () => parquet([ANA, BIA])],
    ['rows in memory', (): DimensionSource => ({ rows: [ANA, BIA].map(object) })],
  ])('from %s', async (_, source) => {
    expect(await load(await source())).toEqual({ dimension: 'customers', outcome: 'complete', rows: 2 });
    const rows = (await lake.rows('silver/customers')).toSorted((a, b) =>
      String(a['name']) < String(b['name']) ? -1 : 1,
    );
    expect(rows[0]).toEqual({ ...object(ANA), customer_id: '1', registered_at: '1577934245000000' });
    expect(rows[1]).toEqual({ ...object(BIA), customer_id: '9007199254740991', registered_at: '1577945045500000' });
  });

  test('the next load takes the place of all rows; an empty one is taken too', async () => {
    await load(csv([ANA]));
    await load(csv([BIA]));
    expect((await lake.rows('silver/customers')).map((row) => row['customer_id'])).toEqual(['9007199254740991']);
    await load(csv([]));
    expect(await lake.rows('silver/customers')).toEqual([]);
  });
});

describe('a dimension that is not whole is refused and nothing changes', () => {
  test.each([
    ['a key twice', () => csv([ANA, BIA, ANA]), /customer_id 1 2 times/],
    ['a missing column', () => csv([ANA.slice(0, -1)], NAMES.slice(0, -1)), /registered_at/],
    ['a null key', () => csv([[null, ...ANA.slice(1)]]), /row 1.*customer_id/],
    ['a key that is no whole number', () => json([[1.5, ...ANA.slice(1)]]), /row 1.*customer_id/],
    ['a key out of range', () => csv([[0, ...ANA.slice(1)]]), /column customer_id/],
    ['a value that is none of its column', () => csv([ANA.with(4, 'soon')]), /column birth_date/],
    ['a time that does not exist', () => csv([ANA.with(9, '2020-13-02T03:04:05Z')]), /date or time/],
    ['a file that is not there', (): DimensionSource => ({ file: '/nowhere.csv', format: 'csv' }), /nowhere\.csv/],
    [
      'a file that is no Parquet',
      () => ({ ...(csv([ANA]) as { file: string }), format: 'parquet' as const }),
      /parquet/,
    ],
  ])('%s', async (_, source, message) => {
    await load(csv([BIA]));
    const version = (await lake.snapshot('silver/customers'))?.version;
    const failing = load(source());
    await expect(failing).rejects.toMatchObject({ code: 'dimension_invalid', exitCode: 5 });
    await expect(failing).rejects.toThrow(message);
    expect((await lake.snapshot('silver/customers'))?.version).toBe(version);
  });
});

test('a dimension never loaded has its empty table', async () => {
  const location = lake.table('silver/agents');
  await ensureDimension({ ...lake.tools(), contract: agentsContract, table: location }, signal);
  expect(await lake.rows('silver/agents')).toEqual([]);
});

test('a load whose lease is passed ends locked', async () => {
  lake.fence = 2;
  await load(csv([ANA]));
  lake.fence = 1;
  expect((await load(csv([BIA]))).outcome).toBe('locked');
  expect((await lake.rows('silver/customers')).map((row) => row['customer_id'])).toEqual(['1']);
});
