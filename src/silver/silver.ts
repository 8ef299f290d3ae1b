import type { DatasetContract, DimensionContract } from '../../schemas/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { MemoryShares } from '../base/memory-shares.ts';
import type { TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { runDataset } from './run-dataset.ts';
import { ensureTables, type TableOptions } from './ensure-tables.ts';
import { pendingOf } from './pending.ts';
import { rebuildDataset } from './rebuild-dataset.ts';
import { replayDataset } from './replay-rejected.ts';
import { replaceDimension } from './replace-dimension.ts';

/**
 * Silver: judged once, merged by key (domain section 3).
 *
 * Protocol: a step takes the bronze files added since the version in the target's own `txn`, judges every row by the
 * dataset's contract and commits twice: first the rejected rows, then the silver rows with the files they replace,
 * each with the `txn` moved in the same commit. A crash in between leaves the silver table behind: the next run
 * applies to it what it lacks, and to the other nothing again. Only files that hold a changed row are rewritten.
 */
export interface StageTools {
  /** Called only where there is work. The caller closes it. */
  readonly openDatabase: () => Promise<Database>;
  readonly scratch: Scratch;
  /** Bytes of event bodies that are judged at once, uncompressed; what is worked on otherwise goes by it. */
  readonly bodyBytesMax?: number;
  /** Number of the lease this run holds. */
  readonly fence: number;
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SilverTables {
  readonly bronze: TableLocation;
  readonly silver: TableLocation;
  /** The one table of rejected events, of all datasets. */
  readonly rejected: TableLocation;
}

export interface SilverOptions extends StageTools, SilverTables {
  readonly dataset: DatasetContract;
  /** Business time zone, an IANA name. */
  readonly timeZone: string;
  /** A soft stop: what is begun is finished and committed. */
  readonly stop?: AbortSignal;
  /** Bronze bytes merged at once, compressed, a single bronze commit aside. */
  readonly sliceBytesMax?: number;
  /** Shared with the datasets that run side by side with this one; without it, the memory is this one's alone. */
  readonly memory?: MemoryShares;
}

export interface SilverOutcome {
  readonly dataset: string;
  readonly outcome: 'complete' | 'empty' | 'stopped' | 'locked';
  readonly rowsIn: number;
  readonly accepted: number;
  /** Silver rows that are new or changed. */
  readonly written: number;
  /** Accepted events that are no row's, the row's former events included. */
  readonly superseded: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** Names of fields that the contract does not have, the first 20: accepted events that had them. */
  readonly unknownFields: Readonly<Record<string, number>>;
  readonly filesRewritten: number;
  /** Days of which files were added or removed, in order. */
  readonly daysRewritten: readonly string[];
  /** Bronze versions: applied before this run (undefined: none), and after it. */
  readonly fromVersion: number | undefined;
  readonly toVersion: number | undefined;
  readonly stepSeconds: Readonly<Record<'judge' | 'merge' | 'write' | 'commit', number>>;
}

/**
 * Brings the silver table and the rejected events up to the newest bronze version. A lost fence is an outcome.
 * Throws `time_zone_mismatch` and `contract_changed` before anything is written, `conservation_broken`,
 * `audit_failed`, and `table_conflict` where other writers keep winning.
 */
export function buildSilver(options: SilverOptions, signal: AbortSignal): Promise<SilverOutcome> {
  return runDataset(options, signal);
}

/**
 * Creates the silver table and that of the rejected events where they are not there; a contract that gained optional
 * fields gives the table their columns. A lost fence leaves it as it is. Errors as of `buildSilver`.
 */
export async function ensureSilver(options: TableOptions, signal: AbortSignal): Promise<void> {
  await ensureTables(options, signal);
}

/** What the next run would judge of bronze as it is now. */
export interface SilverPending {
  readonly files: number;
  /** As the files' statistics tell. */
  readonly rows: number;
  readonly bytes: number;
  /** Columns that the contract gained since the table was made. */
  readonly columnsToAdd: readonly string[];
}

/** Reads logs alone and changes nothing. Throws `time_zone_mismatch` and `contract_changed` as a run would. */
export function pendingSilver(
  options: Pick<SilverOptions, 'dataset' | 'bronze' | 'silver' | 'rejected' | 'timeZone'>,
  signal: AbortSignal,
): Promise<SilverPending> {
  return pendingOf(options, signal);
}

export interface RebuildOptions extends SilverOptions {
  /** Version of the engine: what another one has staged is not gone on with. */
  readonly engine: string;
}

export interface RebuildOutcome {
  readonly dataset: string;
  readonly outcome: 'complete' | 'empty' | 'stopped' | 'locked';
  readonly rowsIn: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Silver rows now. */
  readonly rows: number;
}

/**
 * Builds the silver table and the dataset's rejected events anew from the live bronze files, and commits each table
 * once: so a table made for another time zone or by another version of its contract becomes one of now, and log
 * entries or old files of bronze that are gone do not matter. A stop leaves both as they are. What is staged is written
 * down below `_sluice/rebuild/`: after a crash or a stop the next call goes on there, where it would come to the same.
 */
export function rebuildSilver(options: RebuildOptions, signal: AbortSignal): Promise<RebuildOutcome> {
  return rebuildDataset(options, signal);
}

export interface ReplayOptions extends SilverOptions {
  /** Only rows rejected for this reason. */
  readonly reason?: string;
}

export interface ReplayOutcome {
  readonly dataset: string;
  readonly outcome: 'complete' | 'empty' | 'stopped' | 'locked';
  /** Rejected rows judged again, and those of them that are accepted now. */
  readonly judged: number;
  readonly accepted: number;
  /** Silver rows that are new or changed by it. */
  readonly written: number;
}

/**
 * Judges the dataset's rejected events again by the contract of now: what it accepts is merged into silver first and
 * then taken out of the rejected events; what it rejects for another reason gets that one. Bronze versions applied
 * stay as they are. Between the two commits an accepted event is in both tables, never in neither, and a second call
 * takes it out. Errors as of `buildSilver`.
 */
export function replayRejected(options: ReplayOptions, signal: AbortSignal): Promise<ReplayOutcome> {
  return replayDataset(options, signal);
}

export interface DimensionOptions extends StageTools {
  readonly contract: DimensionContract;
  readonly table: TableLocation;
  readonly source: DimensionSource;
}

export type DimensionSource =
  | { readonly file: string; readonly format: 'csv' | 'json' | 'parquet' }
  | { readonly rows: readonly Readonly<Record<string, unknown>>[] };

export interface DimensionOutcome {
  readonly dimension: string;
  readonly outcome: 'complete' | 'locked';
  readonly rows: number;
}

/**
 * Replaces a dimension whole, in one commit (domain section 1). Throws `dimension_invalid`, naming the column, row or
 * key, where a column is missing, a value is none of its column's, or a key is null or there twice: nothing changes.
 */
export function loadDimension(options: DimensionOptions, signal: AbortSignal): Promise<DimensionOutcome> {
  return replaceDimension(options, signal);
}

/** Creates the table of a dimension that was never loaded: a table of a layer exists, even empty. */
export { ensureDimension } from './replace-dimension.ts';

export { PROGRESS_FOLDER } from './rebuild-progress.ts';
export { bronzeAppId } from './bronze-app-id.ts';
