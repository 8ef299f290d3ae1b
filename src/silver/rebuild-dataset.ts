import { bronzeTable } from '../../schemas/bronze-table.ts';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { readSnapshot, type Snapshot } from '../delta/delta.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import { bronzeAppId } from './bronze-app-id.ts';
import { partsWithinMemory } from './bronze-parts.ts';
import { bronzeRows } from './bronze-rows.ts';
import { commitTable, type Landed } from './commit-table.ts';
import { madeFor, openTables } from './ensure-tables.ts';
import { judgeRows } from './judge-rows.ts';
import { TableSink } from './rejected-sinks.ts';
import { inSilverArea } from './silver-area.ts';
import { withoutDataset } from './rejected-files.ts';
import { NOTHING, RebuildProgress, type Target } from './rebuild-progress.ts';
import type { RebuildOptions, RebuildOutcome } from './silver.ts';
import { StepTimes } from './step-times.ts';

const limits = {
  /** Compressed bronze bytes looked at together, a single file aside. */
  sliceBytesMax: 32 * MiB,
  /** Tries while other writers change the tables: each stages everything again. */
  attemptsMax: 3,
} as const;

/** See the door. */
export async function rebuildDataset(options: RebuildOptions, signal: AbortSignal): Promise<RebuildOutcome> {
  const dataset = options.dataset.name;
  for (let attempt = 0; attempt < limits.attemptsMax; attempt++) {
    const bronze = await readSnapshot(options.bronze, signal);
    const target = { bronze, ...(await openTables(options, signal)) };
    const progress = await RebuildProgress.open(options, target, signal);
    if (!(await stage(options, target, progress, signal))) return { dataset, ...NOTHING, outcome: 'stopped' };
    const landed = await land(options, target, progress, signal);
    if (landed === 'locked') return { dataset, ...NOTHING, outcome: 'locked' };
    if (landed === 'conflicted') continue;
    await progress.remove(signal);
    return { dataset, ...progress.counts, outcome: bronze === undefined ? 'empty' : 'complete' };
  }
  const message = `${options.silver.root}: other writers changed it during ${limits.attemptsMax} tries; run again`;
  throw new SluiceError('table_conflict', message, { context: { dataset } });
}

/**
 * Merges the live bronze files, part by part, into a table that exists only as a list of staged files: by the same
 * steps as a run, so that nothing can come out otherwise, and with the memory of one part. False: stopped.
 */
async function stage(
  options: RebuildOptions,
  target: Target,
  progress: RebuildProgress,
  signal: AbortSignal,
): Promise<boolean> {
  const times = new StepTimes(options.clock);
  const { bronze } = target;
  const contract = bronze?.contract ?? bronzeTable;
  const filesBytesMax = options.sliceBytesMax ?? limits.sliceBytesMax;
  const tools = { ...options, filesBytesMax, bodyBytesMax: bodyBytesMaxOf(options) };
  const left = progress.left(bronze?.files.values() ?? []);
  for await (const part of partsWithinMemory(left, options.bronze, tools, signal)) {
    if (progress.isDone(part)) continue;
    const isStopped = options.stop?.aborted === true;
    await progress.write(isStopped, signal);
    if (isStopped) return false;
    const silver = { ...target.silver, contract: options.dataset.silver, files: new Map(progress.silver) };
    const sink = new TableSink(options.rejected, target.rejected.contract, options.scratch);
    const copies = options.scratch.scope();
    const source = { table: options.bronze, contract, scratch: copies, openDatabase: options.openDatabase };
    const rows = await judgeRows(options, sink, async (judge) => {
      for (const file of part.files) {
        for await (const some of bronzeRows(source, file, part.rows, signal)) await judge.take(some);
      }
    }).finally(() => copies.release());
    try {
      const merge = await inSilverArea(options, times, signal, async (place) => {
        await rows.define(place.area);
        return place.merge(rows, silver);
      });
      const { rowsIn, accepted } = rows.judged;
      progress.add(part, { rowsIn, accepted, rejected: await rows.storeRejected(signal), merge });
    } finally {
      await rows.close();
    }
  }
  return true;
}

/** One commit a table, the rejected events first, as a run does: after a crash in between the rest is done anew. */
async function land(
  options: RebuildOptions,
  target: Target,
  staged: RebuildProgress,
  signal: AbortSignal,
): Promise<Landed> {
  const { bronze, silver, rejected } = target;
  const appId = bronzeAppId(options.dataset.name, bronze?.tableId);
  const moved = ({ transactions }: Snapshot) =>
    bronze === undefined ? [] : [{ appId, expected: transactions.get(appId), next: bronze.version }];
  const others = await withoutDataset(options, rejected, signal);
  const ours = new Set(staged.rejected.map(({ path }) => path));
  const landed = await commitTable(
    options,
    options.rejected,
    rejected,
    {
      operation: 'REBUILD',
      // A rebuild that died between the commits has left files there that this one takes over.
      remove: others.remove.filter(({ path }) => !ours.has(path)),
      add: [...others.add, ...staged.rejected.filter(({ path }) => !rejected.files.has(path))],
      reads: 'all',
      transactions: moved(rejected),
    },
    signal,
  );
  if (landed !== 'landed') return landed;
  return commitTable(
    options,
    options.silver,
    silver,
    {
      operation: 'REBUILD',
      remove: [...silver.files.values()].filter(({ path }) => !staged.silver.has(path)),
      add: [...staged.silver.values()].filter(({ path }) => !silver.files.has(path)),
      reads: 'all',
      transactions: moved(silver),
      ...madeFor(silver, options),
    },
    signal,
  );
}
