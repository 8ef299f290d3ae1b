import { runsTable } from '../../schemas/runs-table.ts';
import { inWorkArea } from '../base/work-area.ts';
import { commit, ensureTable, writeFiles, type CommitContext, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { Receipt } from './report.ts';

/** Where run rows go, and what writes them. */
export interface RunsTarget {
  readonly database: Database;
  readonly table: TableLocation;
  readonly scratch: Scratch;
  readonly fence: number;
}

const WORK_AREA = 'report_runs';

export async function appendRun(
  receipt: Receipt,
  target: RunsTarget,
  context: CommitContext,
  signal: AbortSignal,
): Promise<void> {
  const { database, table, scratch, fence } = target;
  const base = await ensureTable(table, runsTable, { context }, signal);
  const add = await inWorkArea(database, WORK_AREA, async (area) => {
    await area.run(sqlFile(new URL('runs.sql', import.meta.url)), { rows: JSON.stringify(runRows(receipt)) });
    return writeFiles(area, table, runsTable, 'run_rows', scratch, signal);
  });
  const result = await commit(table, base, { operation: 'WRITE', add, fence }, context, signal);
  if (result.kind === 'conflicted') {
    context.log?.warn('the run is not in the runs table: another run holds the lake now', { reason: result.reason });
  }
}

function runRows(receipt: Receipt): Record<string, unknown>[] {
  const run = {
    run_id: receipt.runId,
    command: receipt.command,
    started_at: receipt.startedAt,
    ended_at: receipt.endedAt,
    run_outcome: receipt.outcome,
    exit_code: receipt.exitCode,
    run_seconds: receipt.seconds,
    run_cpu_seconds: receipt.cpuSeconds,
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
