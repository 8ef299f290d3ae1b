import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bronzeTable } from '../../../schemas/bronze-table.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { compareRelations, isSame, type TableDifference } from '../../../src/compare/diff.ts';
import { knownDifferences } from '../../../src/compare/differences.ts';
import { comparedTables } from '../../../src/compare/tables.ts';
import { commit, defineRelation, ensureTable, writeFiles } from '../../../src/delta/delta.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { makeAgents } from '../../../src/producer/producer.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';
import type { Row } from '../../support/slow-model.ts';

// The tables that the Databricks reference made on real Spark of a fixed hostile stream (test/golden/reference): the
// engine makes the same of the same bronze rows, however they are cut.

const golden = (root: string): string =>
  path.join(import.meta.dirname, '../../golden/reference', `${root.replace('/', '.')}.parquet`);
const never = new AbortController().signal;
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());

async function refine(cuts: number): Promise<SmallLake> {
  const lake = new SmallLake(workshop);
  const agents = makeAgents({ count: 1000, seed: 1 });
  await lake.agents(agents.map((agent) => agent as unknown as Row));
  for (let cut = 0; cut < cuts; cut++) {
    for (const { name } of callCentre.datasets) await addBronze(lake, name, cut, cuts);
    await lake.run();
  }
  return lake;
}

async function addBronze(lake: SmallLake, dataset: string, cut: number, cuts: number): Promise<void> {
  const location = lake.table(`bronze/${dataset}`);
  const context = { clock: systemClock, runId: 'test' };
  const snapshot = await ensureTable(location, bronzeTable, { context }, never);
  const { database, scratch } = workshop;
  await database.run(`CREATE OR REPLACE TABLE staged AS
    SELECT *, enqueued_at AS ingested_at, 'golden' AS run_id, DATE '2026-01-05' AS ingestion_date
    FROM read_parquet('${golden(`bronze/${dataset}`)}') WHERE sequence_number % ${cuts} = ${cut}`);
  const add = await writeFiles(database, location, bronzeTable, 'staged', scratch, never);
  const result = await commit(location, snapshot, { operation: 'WRITE', add }, context, never);
  expect(result.kind).toBe('committed');
}

async function compared(lake: SmallLake, change = ''): Promise<TableDifference[]> {
  const { database, scratch } = workshop;
  const found: TableDifference[] = [];
  for (const table of comparedTables(callCentre)) {
    if (!/^(silver|gold)\/(?!agents|customers)/.test(table.root)) continue;
    const { contract, files } = present(await lake.snapshot(table.root));
    await defineRelation(database, 'engine', lake.table(table.root), contract, files.values(), scratch, never);
    await database.run(`CREATE OR REPLACE TABLE reference_rows AS FROM read_parquet('${golden(table.root)}')`);
    if (change !== '' && table.root === 'gold/queue_daily') await database.run(change);
    await database.run('CREATE OR REPLACE VIEW reference AS FROM reference_rows');
    const contracts = { engine: contract, reference: contract };
    const known = { known: knownDifferences(), source: 'files' };
    found.push(await compareRelations(database, table, contracts, known, never));
  }
  return found;
}

test('the engine makes of the golden bronze rows what the reference made, in one run and in three', async () => {
  for (const cuts of [1, 3]) {
    const found = await compared(await refine(cuts));
    expect(found.filter((table) => !isSame(table))).toEqual([]);
    const rows = Object.fromEntries(found.map(({ table, engineRows }) => [table, engineRows]));
    expect(Object.keys(rows)).toHaveLength(6);
    for (const count of Object.values(rows)) expect(count).toBeGreaterThan(0);
  }
});

test('a golden cell changed by hand is found', async () => {
  const change = `UPDATE reference_rows SET average_options = average_options + 0.01
    WHERE queue_id = (SELECT min(queue_id) FROM reference_rows)`;
  const found = await compared(await refine(1), change);
  expect(found.filter((table) => !isSame(table)).map(({ table, cells }) => [table, cells[0]?.column])).toEqual([
    ['gold/queue_daily', 'average_options'],
  ]);
});
