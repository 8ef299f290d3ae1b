import { runsTable } from '../../schemas/runs-table.ts';
import { allOf } from '../base/side-by-side.ts';
import { commit, createColumnFile, ensureTable } from '../delta/delta.ts';
import type { CommitContext, DataFile, TableLocation } from '../delta/delta.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { Receipt } from './report.ts';

/** Where run rows go, and what writes them. */
export interface RunsTarget {
  readonly table: TableLocation;
  readonly scratch: Scratch;
  readonly fence: number;
}

export async function appendRun(
  receipt: Receipt,
  target: RunsTarget,
  context: CommitContext,
  signal: AbortSignal,
): Promise<void> {
  const { table, fence } = target;
  const rows = runRows(receipt);
  const [base, file] = await allOf([
    ensureTable(table, runsTable, { context }, signal),
    writeRows(rows, target, signal),
  ]);
  const result = await commit(table, base, { operation: 'WRITE', add: [file], fence }, context, signal);
  if (result.kind === 'conflicted') {
    context.log?.warn('the run is not in the runs table: another run holds the lake now', { reason: result.reason });
  }
}

type Cell = string | number | bigint | null;
type RunRow = Readonly<Record<string, Cell>>;

/** Cells that are not in the row are null: one run has all of its rows with a partition, or one without. */
async function writeRows(
  rows: readonly RunRow[],
  { table, scratch }: RunsTarget,
  signal: AbortSignal,
): Promise<DataFile> {
  const file = await createColumnFile(table, runsTable, {}, scratch);
  try {
    for (const row of rows) {
      const columns = runsTable.columns.map(({ name }) => ({ repeated: row[name] ?? null }));
      await file.append({ count: 1, columns });
    }
    return await file.store(signal);
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function runRows(receipt: Receipt): RunRow[] {
  const run = {
    run_id: receipt.runId,
    command: receipt.command,
    started_at: microseconds(receipt.startedAt),
    ended_at: microseconds(receipt.endedAt),
    run_outcome: receipt.outcome,
    exit_code: receipt.exitCode,
    run_seconds: thousandths(receipt.seconds),
    run_cpu_seconds: thousandths(receipt.cpuSeconds),
    peak_rss_bytes: receipt.peakRssBytes,
    error: receipt.errors[0]?.message ?? null,
  };
  const partitions = receipt.hubs.flatMap(({ dataset, hub, partitions: all }) =>
    all.map((each) => ({
      ...run,
      dataset,
      hub,
      partition_id: Number(each.partitionId),
      first_sequence_number: each.firstSequenceNumber,
      last_sequence_number: each.lastSequenceNumber,
      rows: each.rows,
      gap_rows: each.gapRows,
      bytes: each.bytes,
      lag_before: each.lagBefore,
      lag_after: each.lagAfter,
      outcome: each.outcome,
    })),
  );
  return partitions.length > 0 ? partitions : [run];
}

function microseconds(instant: string): bigint {
  return BigInt(Date.parse(instant)) * 1000n;
}

/** Unscaled digits of a decimal(18,3). */
function thousandths(value: number): bigint {
  return BigInt(Math.round(value * 1000));
}
