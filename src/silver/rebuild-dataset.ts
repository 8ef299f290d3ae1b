import { bronzeTable } from '../../schemas/bronze-table.ts';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { defineRelation, readSnapshot, type DataFile, type Snapshot } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bronzeAppId } from './bronze-app-id.ts';
import { partsWithinMemory } from './bronze-parts.ts';
import { commitTable, type Landed } from './commit-table.ts';
import { madeFor, openTables } from './ensure-tables.ts';
import { judgeSlice } from './apply-slice.ts';
import { LearnedShapes } from './learned-shapes.ts';
import { withoutDataset } from './rejected-files.ts';
import type { RebuildOutcome, SilverOptions } from './silver.ts';
import { StepTimes } from './step-times.ts';

const limits = {
  /** Compressed bronze bytes looked at together, a single file aside. */
  sliceBytesMax: 32 * MiB,
  /** Tries while other writers change the tables: each stages everything again. */
  attemptsMax: 3,
} as const;

/** The tables as they are, whatever time zone and contract they were made for. */
interface Target {
  /** Undefined: nothing arrived yet. */
  readonly bronze: Snapshot | undefined;
  readonly silver: Snapshot;
  readonly rejected: Snapshot;
}

/** What takes the place of both tables' files, and is referred to by nobody yet. */
interface Staged {
  readonly silver: ReadonlyMap<string, DataFile>;
  readonly rejected: readonly DataFile[];
  readonly counts: Counts;
}

type Counts = Pick<RebuildOutcome, 'rowsIn' | 'accepted' | 'rejected' | 'rows'>;

const NOTHING: Counts = { rowsIn: 0, accepted: 0, rejected: 0, rows: 0 };

/** See the door. */
export async function rebuildDataset(options: SilverOptions, signal: AbortSignal): Promise<RebuildOutcome> {
  const dataset = options.dataset.name;
  for (let attempt = 0; attempt < limits.attemptsMax; attempt++) {
    const bronze = await readSnapshot(options.bronze, signal);
    const target = { bronze, ...(await openTables(options, signal)) };
    const staged = await stage(options, target, signal);
    if (staged === 'stopped') return { dataset, ...NOTHING, outcome: 'stopped' };
    const landed = await land(options, target, staged, signal);
    if (landed === 'landed') return { dataset, ...staged.counts, outcome: bronze === undefined ? 'empty' : 'complete' };
    if (landed === 'locked') return { dataset, ...NOTHING, outcome: 'locked' };
  }
  const message = `${options.silver.root}: other writers changed it during ${limits.attemptsMax} tries; run again`;
  throw new SluiceError('table_conflict', message, { context: { dataset } });
}

/**
 * Merges the live bronze files, part by part, into a table that exists only as a list of staged files: by the same
 * steps as a run, so that nothing can come out otherwise, and with the memory of one part.
 */
async function stage(options: SilverOptions, target: Target, signal: AbortSignal): Promise<Staged | 'stopped'> {
  const times = new StepTimes(options.clock);
  const files = new Map<string, DataFile>();
  const rejected: DataFile[] = [];
  const counts = { ...NOTHING };
  const { bronze } = target;
  const contract = bronze?.contract ?? bronzeTable;
  const shapes = new LearnedShapes(options.dataset);
  const tools = { ...options, filesBytesMax: options.sliceBytesMax ?? limits.sliceBytesMax };
  for await (const part of partsWithinMemory(bronze?.files.values() ?? [], options.bronze, tools, signal)) {
    if (options.stop?.aborted === true) return 'stopped';
    const silver = { ...target.silver, contract: options.dataset.silver, files: new Map(files) };
    const work = {
      tables: { silver, rejected: target.rejected, writesRejected: true },
      shapes,
      define: (area: Database, scratch: Scratch) =>
        defineRelation(area, 'bronze', options.bronze, contract, part.files, scratch, signal, part),
    };
    const done = await judgeSlice(options, work, times, signal, async (found) => ({
      judged: found.judged,
      rejected: found.rejected,
      merge: await found.merge(),
    }));
    for (const { path } of done.merge.remove) files.delete(path);
    for (const file of done.merge.add) files.set(file.path, file);
    rejected.push(...done.rejected);
    counts.rowsIn += done.judged.rowsIn;
    counts.accepted += done.judged.accepted;
    counts.rejected += done.judged.rowsIn - done.judged.accepted;
    counts.rows += done.merge.newKeys;
  }
  return { silver: files, rejected, counts };
}

/** One commit a table, the rejected events first, as a run does: after a crash in between the rest is done anew. */
async function land(options: SilverOptions, target: Target, staged: Staged, signal: AbortSignal): Promise<Landed> {
  const { bronze, silver, rejected } = target;
  const appId = bronzeAppId(options.dataset.name, bronze?.tableId);
  const moved = ({ transactions }: Snapshot) =>
    bronze === undefined ? [] : [{ appId, expected: transactions.get(appId), next: bronze.version }];
  const others = await withoutDataset(options, rejected, signal);
  const landed = await commitTable(
    options,
    options.rejected,
    rejected,
    {
      operation: 'REBUILD',
      remove: others.remove,
      add: [...others.add, ...staged.rejected],
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
      remove: [...silver.files.values()],
      add: [...staged.silver.values()],
      reads: 'all',
      transactions: moved(silver),
      ...madeFor(silver, options),
    },
    signal,
  );
}
