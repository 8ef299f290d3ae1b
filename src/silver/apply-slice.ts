import { inWorkArea } from '../base/work-area.ts';
import { commit, defineRelation, type Change, type DataFile, type Snapshot } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { keptBytesMaxOf } from './body-memory.ts';
import type { BoundedSlice, BronzeSlice } from './bronze-slice.ts';
import { judgeBronze, NOTHING_JUDGED, type Judged } from './judge-bronze.ts';
import { judgeParts } from './judge-parts.ts';
import { mergeBatch, NOTHING_MERGED, type Merge } from './merge-batch.ts';
import { defineLocalDate } from './local-date.ts';
import { LearnedShapes } from './learned-shapes.ts';
import type { SilverOptions } from './silver.ts';
import type { StepTimes } from './step-times.ts';
import { writeRejected } from './write-rejected.ts';

/** What a slice is applied to: the snapshots, and which of the two tables lack it. */
export interface SliceTarget {
  readonly bronze: Snapshot;
  readonly silver: Snapshot;
  readonly rejected: Snapshot;
  readonly appId: string;
  /** Of the slices before. */
  readonly shapes: LearnedShapes;
  readonly lacks: { readonly silver: boolean; readonly rejected: boolean };
}

export type SliceResult =
  | { readonly kind: 'applied'; readonly judged: Judged; readonly merge: Merge }
  | { readonly kind: 'conflicted' }
  | { readonly kind: 'locked' };

/**
 * Judges the slice and commits it: first to the rejected events, then to the silver table, each with its `txn`. A
 * table that has the slice already is left alone.
 */
export async function applySlice(
  options: SilverOptions,
  target: SliceTarget,
  { slice, parts }: BoundedSlice,
  times: StepTimes,
  signal: AbortSignal,
): Promise<SliceResult> {
  if (slice.files.length === 0) {
    return commitBoth(options, target, slice, NOTHING_JUDGED, [], async () => NOTHING_MERGED, times, signal);
  }
  const { contract } = target.bronze;
  const work: SliceWork = {
    tables: { silver: target.silver, rejected: target.rejected, writesRejected: target.lacks.rejected },
    parts: parts.map((part) => (area: Database, scratch: Scratch) => {
      return defineRelation(area, 'bronze', options.bronze, contract, part.files, scratch, signal, part);
    }),
    shapes: target.shapes,
  };
  return judgeSlice(options, work, times, signal, ({ judged, rejected, merge }) =>
    commitBoth(options, target, slice, judged, rejected, merge, times, signal),
  );
}

/** Rows to judge, and the tables that they are for. */
export interface SliceWork {
  readonly tables: { readonly silver: Snapshot; readonly rejected: Snapshot; readonly writesRejected: boolean };
  /** Each makes the relation `bronze` in the work area anew, of the rows that are judged at once. */
  readonly parts: readonly ((area: Database, scratch: Scratch) => Promise<void>)[];
  /** Those learned from slices before, and then from this one too. */
  readonly shapes?: LearnedShapes;
}

/** Judged, with the rejected rows in files that nobody refers to yet. */
export interface JudgedSlice {
  readonly area: Database;
  readonly judged: Judged;
  readonly rejected: readonly DataFile[];
  readonly merge: () => Promise<Merge>;
}

/** Judges rows in a work area of their own, which is there as long as `use` runs. */
export async function judgeSlice<T>(
  options: SilverOptions,
  { tables, parts, shapes = new LearnedShapes(options.dataset) }: SliceWork,
  times: StepTimes,
  signal: AbortSignal,
  use: (slice: JudgedSlice) => Promise<T>,
): Promise<T> {
  const database = await options.openDatabase();
  const schema = `silver_${options.dataset.name}`;
  const scratch = options.scratch.scope();
  try {
    return await inWorkArea(
      database,
      schema,
      async (area) => {
        const nowMs = options.clock.nowMs();
        const nowUs = BigInt(nowMs) * 1000n;
        await defineLocalDate(area, options.timeZone, nowMs);
        const rejected: DataFile[] = [];
        const write = async (): Promise<void> => {
          rejected.push(...(await writeRejected(area, options, tables.rejected, nowUs, signal)));
        };
        const judging = parts.map((define) => ({
          define: () => define(area, scratch),
          refused: async (part: Judged) => {
            if (tables.writesRejected && part.accepted < part.rowsIn) await times.measure('write', write);
          },
        }));
        const judge = (): Promise<Judged> =>
          times.measure('judge', () => judgeBronze(area, schema, shapes, keptBytesMaxOf(options), signal));
        const judged = await judgeParts(area, judging, judge, options, signal);
        const batch = {
          dataset: options.dataset,
          location: options.silver,
          snapshot: tables.silver,
          loadedAtUs: nowUs,
        };
        const tools = {
          schema,
          scratch,
          log: options.log,
          measured: <R>(step: 'merge' | 'write', action: () => Promise<R>) => times.measure(step, action),
        };
        const merge = (): Promise<Merge> =>
          judged.accepted === 0 ? Promise.resolve(NOTHING_MERGED) : mergeBatch(area, batch, tools, signal);
        return use({ area, judged, rejected, merge });
      },
      signal,
    );
  } finally {
    scratch.release();
  }
}

async function commitBoth(
  options: SilverOptions,
  target: SliceTarget,
  slice: BronzeSlice,
  judged: Judged,
  rejected: readonly DataFile[],
  merge: () => Promise<Merge>,
  times: StepTimes,
  signal: AbortSignal,
): Promise<SliceResult> {
  const step = { appId: target.appId, expected: slice.from < 0 ? undefined : slice.from, next: slice.to };
  const common = { transactions: [step], fence: options.fence };
  const context = { clock: options.clock, runId: options.runId, log: options.log };
  const land = async (which: 'silver' | 'rejected', change: Change): Promise<'landed' | 'conflicted' | 'locked'> => {
    const result = await times.measure('commit', () => commit(options[which], target[which], change, context, signal));
    if (result.kind === 'committed') return 'landed';
    options.log.warn('commit lost a race', { table: options[which].root, reason: result.reason });
    return result.reason === 'fenced' ? 'locked' : 'conflicted';
  };
  if (target.lacks.rejected) {
    const landed = await land('rejected', { operation: 'WRITE', add: rejected, ...common });
    if (landed !== 'landed') return { kind: landed };
  }
  if (!target.lacks.silver) return { kind: 'applied', judged: NOTHING_JUDGED, merge: NOTHING_MERGED };
  const merged = await merge();
  // The files of the affected keys were looked for in the whole table.
  const change: Change = { operation: 'MERGE', add: merged.add, remove: merged.remove, reads: 'all', ...common };
  const landed = await land('silver', change);
  return landed === 'landed' ? { kind: 'applied', judged, merge: merged } : { kind: landed };
}
