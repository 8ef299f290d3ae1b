import { inWorkArea } from '../base/work-area.ts';
import type { Snapshot } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { JudgedRows } from './judge-rows.ts';
import { defineLocalDate } from './local-date.ts';
import { mergeBatch, NOTHING_MERGED, type Merge } from './merge-batch.ts';
import type { SilverOptions } from './silver.ts';
import type { StepTimes } from './step-times.ts';

/** Where rows are merged: a schema of its own, and local copies that are there as long as it is. */
export interface SilverArea {
  readonly area: Database;
  readonly scratch: Scratch;
  /** Merges the rows, defined in the area, into the table as of the snapshot; errors as of `mergeBatch`. */
  merge(rows: JudgedRows, silver: Snapshot): Promise<Merge>;
}

export async function inSilverArea<T>(
  options: SilverOptions,
  times: StepTimes,
  signal: AbortSignal,
  action: (place: SilverArea) => Promise<T>,
): Promise<T> {
  const database = await options.openDatabase();
  const { dataset, timeZone, log, clock } = options;
  const schema = `silver_${dataset.name}`;
  const scratch = options.scratch.scope();
  const nowMs = clock.nowMs();
  const merging = {
    schema,
    scratch,
    log,
    measured: <R>(step: 'merge' | 'write', work: () => Promise<R>) => times.measure(step, work),
  };
  try {
    return await inWorkArea(
      database,
      schema,
      async (area) => {
        await defineLocalDate(area, timeZone, nowMs);
        return action({
          area,
          scratch,
          async merge({ judged, file }, snapshot) {
            if (judged.accepted === 0) return NOTHING_MERGED;
            const loadedAtUs = BigInt(nowMs) * 1000n;
            const batch = { dataset, location: options.silver, snapshot, loadedAtUs, judgedFile: file };
            return mergeBatch(area, batch, merging, signal);
          },
        });
      },
      signal,
    );
  } finally {
    scratch.release();
  }
}
