import { commit, type Change, type Snapshot } from '../delta/delta.ts';
import { NOTHING_JUDGED, type Judged } from './judge-bronze.ts';
import type { JudgedSlice } from './judge-slice.ts';
import { NOTHING_MERGED, type Merge } from './merge-batch.ts';
import { inSilverArea } from './silver-area.ts';
import type { SilverOptions } from './silver.ts';
import type { StepTimes } from './step-times.ts';

/** What a slice is applied to: the snapshots, and which of the two tables lack it. */
export interface SliceTarget {
  readonly bronze: Snapshot;
  readonly silver: Snapshot;
  readonly rejected: Snapshot;
  readonly appId: string;
  readonly lacks: { readonly silver: boolean; readonly rejected: boolean };
}

export type SliceResult =
  | { readonly kind: 'applied'; readonly judged: Judged; readonly merge: Merge }
  | { readonly kind: 'conflicted' }
  | { readonly kind: 'locked' };

/**
 * Commits a judged slice: first to the rejected events, then to the silver table, each with its `txn`. A table that has
 * the slice already is left alone.
 */
export async function applySlice(
  options: SilverOptions,
  target: SliceTarget,
  slice: JudgedSlice,
  times: StepTimes,
  signal: AbortSignal,
): Promise<SliceResult> {
  const { rows } = slice;
  // Without a row DuckDB is not needed.
  if (rows.judged.rowsIn === 0) return commitBoth(options, target, slice, async () => NOTHING_MERGED, times, signal);
  return inSilverArea(options, times, signal, async ({ area, merge }) => {
    await rows.define(area);
    return commitBoth(options, target, slice, () => merge(rows, target.silver), times, signal);
  });
}

async function commitBoth(
  options: SilverOptions,
  target: SliceTarget,
  { from, to, rows }: JudgedSlice,
  merge: () => Promise<Merge>,
  times: StepTimes,
  signal: AbortSignal,
): Promise<SliceResult> {
  const step = { appId: target.appId, expected: from < 0 ? undefined : from, next: to };
  const common = { transactions: [step], fence: options.fence };
  const context = { clock: options.clock, runId: options.runId, log: options.log };
  const land = async (which: 'silver' | 'rejected', change: Change): Promise<'landed' | 'conflicted' | 'locked'> => {
    const result = await times.measure('commit', () => commit(options[which], target[which], change, context, signal));
    if (result.kind === 'committed') return 'landed';
    options.log.warn('commit lost a race', { table: options[which].root, reason: result.reason });
    return result.reason === 'fenced' ? 'locked' : 'conflicted';
  };
  const landRejected = async (): Promise<'landed' | 'conflicted' | 'locked'> => {
    const add = await times.measure('write', () => rows.storeRejected(signal));
    return land('rejected', { operation: 'WRITE', add, ...common });
  };
  // The commits have an order; what is merged meanwhile nobody sees until then.
  const [first, second] = await Promise.allSettled([
    target.lacks.rejected ? landRejected() : ('landed' as const),
    target.lacks.silver ? merge() : undefined,
  ]);
  if (first.status === 'rejected') throw first.reason;
  // Whatever became of the merge: it was for nothing.
  if (first.value !== 'landed') return { kind: first.value };
  if (second.status === 'rejected') throw second.reason;
  const merged = second.value;
  if (merged === undefined) return { kind: 'applied', judged: NOTHING_JUDGED, merge: NOTHING_MERGED };
  // The files of the affected keys were looked for in the whole table.
  const change: Change = { operation: 'MERGE', add: merged.add, remove: merged.remove, reads: 'all', ...common };
  const landed = await land('silver', change);
  return landed === 'landed' ? { kind: 'applied', judged: rows.judged, merge: merged } : { kind: landed };
}
