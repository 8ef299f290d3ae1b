import { pendingGold, type GoldPending } from '../gold/gold.ts';
import { pendingSilver, type SilverPending } from '../silver/silver.ts';
import { attempted, type Attempted } from './attempted.ts';
import type { PlanPlace } from './plan-hubs.ts';
import { REJECTED_ROOT, silverContract } from './tables.ts';

export interface PlannedSilver extends Attempted<SilverPending> {
  readonly dataset: string;
  readonly table: string;
}

export interface PlannedGold extends Attempted<GoldPending> {
  readonly table: string;
  /** Silver tables and dimensions that the view reads. */
  readonly reads: readonly string[];
}

export interface PlannedTables {
  readonly silver: readonly PlannedSilver[];
  readonly gold: readonly PlannedGold[];
}

/** What silver has not judged of bronze, and gold not compared of silver. */
export async function planTables(place: PlanPlace, signal: AbortSignal): Promise<PlannedTables> {
  const { pipeline, store, configuration } = place;
  const table = (root: string) => ({ store, root });
  const silver = pipeline.datasets.map(async (dataset) => {
    const { name } = dataset;
    const [bronze, rejected] = [table(`bronze/${name}`), table(REJECTED_ROOT)];
    const options = { dataset, bronze, silver: table(`silver/${name}`), rejected, timeZone: configuration.timeZone };
    return { dataset: name, table: `silver/${name}`, ...(await attempted(() => pendingSilver(options, signal))) };
  });
  const gold = pipeline.gold.map(async (view) => {
    const tables = (name: string) => ({
      location: table(`silver/${name}`),
      contract: silverContract(pipeline, name),
    });
    const options = { view, tables, gold: table(`gold/${view.name}`) };
    const reads = view.reads.map((read) => read.table);
    return { table: `gold/${view.name}`, reads, ...(await attempted(() => pendingGold(options, signal))) };
  });
  return { silver: await Promise.all(silver), gold: await Promise.all(gold) };
}
