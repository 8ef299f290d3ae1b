import { deepStrictEqual } from 'node:assert/strict';
import { callCentre } from '../../src/pipeline.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { hold } from './crash-bronze-watch.ts';
import { slowLake, type Arrival, type Row } from './slow-model.ts';
import type { SmallLake } from './small-lake.ts';

const never = new AbortController().signal;
const DATASETS = callCentre.datasets.map(({ name }) => name) as Arrival['dataset'][];

/** Version of the table of agents → its rows. */
export type AgentVersions = Map<number, readonly Row[]>;

/** What bronze held of a dataset at a version of its table. */
export type ArrivedAt = (dataset: string, version: number) => readonly Arrival[];

/**
 * Holds silver and gold to the slow model of exactly what their `txn` say that they have applied: so a table whose
 * data moved without its `txn`, or the other way round, is found at once and not only by its consequences.
 */
export async function holdToModel(
  lake: SmallLake,
  timeZone: string,
  agents: AgentVersions,
  arrivedAt: ArrivedAt,
): Promise<void> {
  const rejected = await appliedVersions(lake.store, 'silver/rejected_events');
  const bronzeOf = new Map<string, readonly number[]>();
  const refused: Row[] = [];
  for (const dataset of DATASETS) {
    const prefix = `sluice/silver/${dataset}/`;
    const versions = (await appliedVersions(lake.store, `silver/${dataset}`)).map((found) => applied(found, prefix));
    bronzeOf.set(dataset, versions);
    if (versions.length === 0) continue;
    const expected = slowLake(arrivedAt(dataset, versions.at(-1) ?? -1), [], timeZone)[dataset];
    same(await rowsOf(lake, dataset), expected, `[I7] silver/${dataset} at its txn`);
    const judged = applied(rejected.at(-1) ?? new Map(), prefix);
    refused.push(...slowLake(arrivedAt(dataset, judged), [], timeZone).rejected_events);
  }
  if (rejected.length > 0) same(await lake.rows('silver/rejected_events'), refused, '[I7] rejected_events at its txns');
  for (const view of callCentre.gold) {
    const transactions = (await appliedVersions(lake.store, `gold/${view.name}`)).at(-1);
    if (transactions === undefined) continue;
    const of = (table: string): number => applied(transactions, `sluice/gold/${view.name}/${table}/`);
    const arrivals = DATASETS.flatMap((dataset) => arrivedAt(dataset, bronzeOf.get(dataset)?.[of(dataset)] ?? -1));
    const model = slowLake(arrivals, agents.get(of('agents')) ?? [], timeZone);
    const expected = model[view.name as 'agent_daily' | 'queue_daily'];
    same(await lake.rows(`gold/${view.name}`), expected, `[I8] gold/${view.name} at its txns`);
  }
}

/** Columns that the contract gained since: no event has them, so each row is null there. */
async function rowsOf(lake: SmallLake, dataset: string): Promise<Row[]> {
  const known = new Set(
    callCentre.datasets.find(({ name }) => name === dataset)?.silver.columns.map(({ name }) => name),
  );
  return (await lake.rows(`silver/${dataset}`)).map((row) => {
    const cells = Object.entries(row);
    const gained = cells.filter(([column, value]) => !known.has(column) && value !== null);
    hold(gained.length === 0, `[I7] silver/${dataset}: a column that it gained has a value`);
    return Object.fromEntries(cells.filter(([column]) => known.has(column)));
  });
}

/** For each version of the table: the `txn` it had. */
async function appliedVersions(store: ObjectStore, root: string): Promise<Map<string, number>[]> {
  const found: Map<string, number>[] = [];
  for (;;) {
    const data = await store.read(`${root}/_delta_log/${String(found.length).padStart(20, '0')}.json`, never);
    if (data === undefined) return found;
    const transactions = new Map(found.at(-1));
    for (const line of Buffer.from(data).toString('utf8').trim().split('\n')) {
      const { txn } = JSON.parse(line) as { txn?: { appId: string; version: number } };
      if (txn === undefined) continue;
      const before = transactions.get(txn.appId) ?? -1;
      hold(txn.version >= before, `[I7] ${root}: ${txn.appId} goes back from ${before} to ${txn.version}`);
      transactions.set(txn.appId, txn.version);
    }
    found.push(transactions);
  }
}

function applied(transactions: ReadonlyMap<string, number>, prefix: string): number {
  const [version = -1] = [...transactions].flatMap(([appId, found]) => (appId.startsWith(prefix) ? [found] : []));
  return version;
}

function same(found: readonly Row[], expected: readonly Row[], what: string): void {
  const inOrder = (rows: readonly Row[]): string[] =>
    rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();
  deepStrictEqual(inOrder(found), inOrder(expected), `${what} is not the model's`);
}
