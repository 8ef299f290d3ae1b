import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { commit, ensureTable } from '../delta/delta.ts';
import type { Conflict } from '../delta/delta.ts';
import type { Adoption, AdoptOptions } from './bronze.ts';
import { transactionName } from './plan.ts';

/** See the door. */
export async function adoptInto(
  options: AdoptOptions,
  adoption: Adoption,
  signal: AbortSignal,
): Promise<Conflict | undefined> {
  const { table, gaps, clock, runId, log, fence } = options;
  const { dataset, createdAtMs, next } = adoption;
  const context = { clock, runId, log };
  await ensureTable(gaps, gapsTable, { context }, signal);
  const base = await ensureTable(table, bronzeTable, { context }, signal);
  const transactions = [...next].map(([partitionId, number]) => ({
    appId: transactionName(dataset, createdAtMs, partitionId),
    expected: undefined,
    next: number,
  }));
  const result = await commit(table, base, { operation: 'ADOPT', transactions, fence }, context, signal);
  return result.kind === 'conflicted' ? result.reason : undefined;
}
