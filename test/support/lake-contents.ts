import { deepStrictEqual } from 'node:assert/strict';
import { callCentre } from '../../src/pipeline.ts';
import { lakeTables } from '../../src/cli/tables.ts';
import { objectPathOf } from '../../src/delta/delta.ts';
import { hold } from './crash-bronze-watch.ts';
import type { Arrival, Row } from './slow-model.ts';
import type { SmallLake } from './small-lake.ts';

const never = new AbortController().signal;
export const DATASETS = callCentre.datasets.map(({ name }) => name) as Arrival['dataset'][];
export const VIEWS = callCentre.gold.map(({ name }) => name) as ('agent_daily' | 'queue_daily')[];
const ROOTS = lakeTables(callCentre).map(({ root }) => root);

/** The rows of every table in no order. The rejected events of a dataset stand for themselves. */
export type Contents = ReadonlyMap<string, readonly Row[]>;

/** Also holds that every file which a table refers to is there. */
export async function contentsOf(lake: SmallLake): Promise<Contents> {
  await holdFilesThere(lake);
  const found = new Map<string, readonly Row[]>();
  const take = async (root: string): Promise<readonly Row[]> =>
    (await lake.snapshot(root)) === undefined ? [] : lake.rows(root);
  for (const name of DATASETS) {
    found.set(`bronze/${name}`, await take(`bronze/${name}`));
    found.set(`silver/${name}`, await take(`silver/${name}`));
  }
  for (const name of VIEWS) found.set(`gold/${name}`, await take(`gold/${name}`));
  const [rejected, gaps] = [await take('silver/rejected_events'), await take('_sluice/gaps')];
  for (const name of DATASETS) {
    const own = ({ dataset }: Row): boolean => dataset === name;
    found.set(`rejected/${name}`, rejected.filter(own));
    found.set(`gaps/${name}`, gaps.filter(own));
  }
  return found;
}

async function holdFilesThere(lake: SmallLake): Promise<void> {
  const there = new Set<string>();
  for await (const { path } of lake.store.list('', never)) there.add(path);
  for (const root of ROOTS) {
    for (const file of (await lake.snapshot(root))?.files.values() ?? []) {
      const path = objectPathOf(lake.table(root), file);
      hold(there.has(path), `[I17] ${path} is referred to and not there`);
    }
  }
}

export function isSame(one: readonly Row[], other: readonly Row[]): boolean {
  return inOrder(one).join('\n') === inOrder(other).join('\n');
}

export function holdSame(found: readonly Row[], expected: readonly Row[], what: string): void {
  deepStrictEqual(inOrder(found), inOrder(expected), what);
}

function inOrder(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();
}

/** `partition/number` of a row of bronze, silver or the rejected events. */
export function placeOf(row: Row): string {
  return `${row['partition_id']}/${row['sequence_number']}`;
}

/** Every number of the dataset's gaps, as `placeOf` names them. */
export function lostPlaces(contents: Contents, dataset: string): string[] {
  return (contents.get(`gaps/${dataset}`) ?? []).flatMap((gap) => {
    const [first, last] = [Number(gap['first_sequence_number']), Number(gap['last_sequence_number'])];
    return Array.from({ length: last - first + 1 }, (_, at) => `${gap['partition_id']}/${first + at}`);
  });
}
