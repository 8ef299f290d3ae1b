import { readSnapshot } from '../delta/delta.ts';
import type { Snapshot } from '../delta/delta.ts';
import type { BronzePlan, PlanOptions } from './bronze.ts';
import { planHub } from './plan.ts';

const NONE: ReadonlyMap<string, number> = new Map();

/** A plan and the states that it was made from, which the commits build on. */
export interface Outlook {
  readonly plan: BronzePlan;
  readonly table: Snapshot | undefined;
  readonly gaps: Snapshot | undefined;
  /** Sequence number by partition. */
  readonly checkpoints: ReadonlyMap<string, number>;
}

export async function lookAhead(
  options: PlanOptions,
  signal: AbortSignal,
  frozenEnds?: ReadonlyMap<string, number>,
): Promise<Outlook> {
  const { dataset, source, start } = options;
  const hub = await source.hubProperties(signal);
  // The tables before the partitions: a commit in between moves the start on, and the ends seen are never behind it.
  const [table, gaps, checkpoints] = await Promise.all([
    readSnapshot(options.table, signal),
    readSnapshot(options.gaps, signal),
    options.checkpoints.read(signal),
  ]);
  const partitions = await Promise.all(hub.partitionIds.map((id) => source.partitionProperties(id, signal)));
  const plan = planHub({
    dataset,
    hub,
    partitions,
    transactions: table?.transactions ?? NONE,
    gapTransactions: gaps?.transactions ?? NONE,
    checkpoints,
    start,
    ...(frozenEnds && { frozenEnds }),
  });
  return { plan, table, gaps, checkpoints };
}
