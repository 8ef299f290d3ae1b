import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { defineRelation, type DataFile, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { bodyBytesMaxOf, bodyMemory, bytesOf } from './body-memory.ts';
import { relationRows } from './bronze-rows.ts';
import { commitTable, type Landed } from './commit-table.ts';
import { ensureTables } from './ensure-tables.ts';
import { judgeRows } from './judge-rows.ts';
import { RelationSink } from './rejected-sinks.ts';
import { inSilverArea } from './silver-area.ts';
import { mayHold } from './rejected-files.ts';
import type { ReplayOptions, ReplayOutcome } from './silver.ts';
import { StepTimes } from './step-times.ts';
import { writeRejectedRows } from './write-rejected.ts';

const rejectedAgainSql = sqlFile(new URL('statements/rejected-again.sql', import.meta.url));
const verdictsSql = sqlFile(new URL('statements/verdicts.sql', import.meta.url));
const stillRejectedSql = sqlFile(new URL('statements/still-rejected.sql', import.meta.url));

/** Column of the work area: the file that a row stands in. */
const FILE = '_file';

const limits = {
  /** Compressed bytes of rejected events judged at once, a single file aside. */
  sliceBytesMax: 32 * MiB,
  /** Bodies judged at once, as a share of what there is room for: they stand in a table, and are copied. */
  bodiesShare: 1 / 4,
  /** Tries to replay one slice while other writers change the tables. */
  attemptsMax: 5,
} as const;

interface Tables {
  readonly silver: Snapshot;
  readonly rejected: Snapshot;
}

/** What became of a slice. */
interface Slice {
  readonly landed: Landed;
  readonly judged: number;
  readonly accepted: number;
  readonly written: number;
  /** Files of rejected events that this slice made: they need no second look. */
  readonly made: readonly DataFile[];
}

/** See the door. */
export async function replayDataset(options: ReplayOptions, signal: AbortSignal): Promise<ReplayOutcome> {
  const counts = { judged: 0, accepted: 0, written: 0 };
  const outcome = (kind: ReplayOutcome['outcome']): ReplayOutcome => ({
    dataset: options.dataset.name,
    outcome: kind === 'complete' && counts.judged === 0 ? 'empty' : kind,
    ...counts,
  });
  const seen = new Set<string>();
  for (let conflicts = 0; conflicts < limits.attemptsMax;) {
    const tables = await ensureTables(options, signal);
    if (tables === undefined) return outcome('locked');
    const files = nextFiles(tables.rejected, options, seen);
    if (files.length === 0) return outcome('complete');
    if (options.stop?.aborted === true) return outcome('stopped');
    const bounded = await withRoom(files, options, signal);
    const slice = await replaySlice(options, tables, bounded, signal);
    if (slice.landed === 'locked') return outcome('locked');
    if (slice.landed === 'conflicted') {
      conflicts += 1;
      continue;
    }
    conflicts = 0;
    for (const { path } of [...bounded, ...slice.made]) seen.add(path);
    counts.judged += slice.judged;
    counts.accepted += slice.accepted;
    counts.written += slice.written;
  }
  const message = `${options.rejected.root}: other writers changed it during ${limits.attemptsMax} tries; run again`;
  throw new SluiceError('table_conflict', message, { context: { dataset: options.dataset.name } });
}

function nextFiles(rejected: Snapshot, options: ReplayOptions, seen: ReadonlySet<string>): DataFile[] {
  const next: DataFile[] = [];
  let bytes = 0;
  for (const file of rejected.files.values()) {
    if (seen.has(file.path) || !mayHold(file, options.dataset.name)) continue;
    bytes += file.sizeBytes;
    if (next.length > 0 && bytes > (options.sliceBytesMax ?? limits.sliceBytesMax)) break;
    next.push(file);
  }
  return next;
}

/** The first of the files, as many as have room in memory with their bodies, at least one. */
async function withRoom(
  files: readonly DataFile[],
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly DataFile[]> {
  if (files.length === 1) return files;
  const { rejected, openDatabase, scratch } = options;
  const copies = scratch.scope();
  try {
    const groups = await bodyMemory(files, rejected, await openDatabase(), copies, signal);
    let bytes = 0;
    const over = groups.findIndex(
      (own, at) => (bytes += bytesOf(own)) > bodyBytesMaxOf(options) * limits.bodiesShare && at > 0,
    );
    return over < 0 ? files : files.slice(0, over);
  } finally {
    copies.release();
  }
}

/**
 * Two commits: the accepted rows go into silver first, and out of the rejected events then. A crash in between leaves
 * them in both; judged again they change nothing in silver, and go.
 */
async function replaySlice(
  options: ReplayOptions,
  tables: Tables,
  files: readonly DataFile[],
  signal: AbortSignal,
): Promise<Slice> {
  const { rejected, dataset, reason } = options;
  return inSilverArea(options, new StepTimes(options.clock), signal, async ({ area, scratch, merge }) => {
    const how = { fileColumn: FILE };
    await defineRelation(area, 'rejected_rows', rejected, tables.rejected.contract, files, scratch, signal, how);
    await area.run(rejectedAgainSql, { dataset: dataset.name, reason: reason ?? null });
    const rows = await judgeRows(options, new RelationSink(tables.rejected.contract, scratch), async (judge) => {
      for await (const some of relationRows(area, 'bronze', scratch, signal)) await judge.take(some);
    });
    try {
      await rows.define(area);
      const { remove, add, written } = await merge(rows, tables.silver);
      const counts = { judged: rows.judged.rowsIn, accepted: rows.judged.accepted, written };
      if (add.length + remove.length > 0) {
        const change = { operation: 'REPLAY', remove, add, reads: 'all' } as const;
        const landed = await commitTable(options, options.silver, tables.silver, change, signal);
        if (landed !== 'landed') return { ...counts, landed, made: [] };
      }
      return { ...counts, ...(await takeOut(area, options, tables.rejected, files, signal)) };
    } finally {
      await rows.close();
    }
  });
}

async function takeOut(
  area: Database,
  options: ReplayOptions,
  snapshot: Snapshot,
  files: readonly DataFile[],
  signal: AbortSignal,
): Promise<{ landed: Landed; made: readonly DataFile[] }> {
  await area.run(verdictsSql);
  const changed = await area.rows<{ path: string }>('SELECT DISTINCT "_file" AS path FROM verdicts');
  if (changed.length === 0) return { landed: 'landed', made: [] };
  await area.run(stillRejectedSql, { dataset: options.dataset.name });
  const { rejected } = options;
  const add = await writeRejectedRows(area, options, snapshot, 'still_rejected', signal);
  const paths = new Set(changed.map(({ path }) => path));
  const remove = files.filter(({ path }) => paths.has(path));
  const landed = await commitTable(options, rejected, snapshot, { operation: 'REPLAY', remove, add }, signal);
  return { landed, made: add };
}
