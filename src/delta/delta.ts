import type { Column, TableContract } from '../../schemas/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { ParquetRows } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { ObjectStore } from '../storage/storage.ts';
import * as changes from './changes.ts';
import * as columnFiles from './column-file.ts';
import * as commits from './commit.ts';
import * as compactions from './compact-table.ts';
import * as creation from './create-table.ts';
import * as dataFiles from './data-files.ts';
import * as garbage from './find-garbage.ts';
import * as checkpoints from './log-checkpoint.ts';
import type { MetadataAction, ProtocolAction } from './log-entry.ts';
import * as relations from './relation.ts';
import * as snapshots from './snapshot.ts';
import { rowsCounted } from './statistics.ts';
import * as states from './table-state.ts';

/**
 * Plain Delta tables (protocol reader 1, writer 2) over an ObjectStore.
 *
 * Protocol: everything starts from a Snapshot, which is immutable. A write is *stage* (data files under names that
 * nobody else can pick, referred to by nobody) then *commit* (one put-if-absent of the next log entry). A commit is
 * a value: committed, or conflicted with why. `txn` entries are compare-and-swap: the commit lands only if each
 * appId's version in the snapshot it builds on equals the one expected.
 */
export interface TableLocation {
  readonly store: ObjectStore;
  /** Path of the table's root in the store, without a slash at the end: `silver/call_legs`. */
  readonly root: string;
}

/** One live data file. `path` is the log's own text, percent-encoded, relative to the table's root. */
export interface DataFile {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Delta statistics as the log's JSON text; undefined where the writer gave none. */
  readonly statistics: string | undefined;
}

export interface Snapshot {
  readonly version: number;
  readonly tableId: string;
  readonly contract: TableContract;
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly files: ReadonlyMap<string, DataFile>;
  /** appId → version of the last `txn`. */
  readonly transactions: ReadonlyMap<string, number>;
  /** Version of the newest log checkpoint known to hold; -1: none. */
  readonly checkpointVersion: number;
  /** As the log has it. */
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
}

export interface TransactionStep {
  readonly appId: string;
  /** Version the snapshot must have, undefined: none yet. */
  readonly expected: number | undefined;
  /** Left out: the version is compared, and stays as it is. */
  readonly next?: number;
}

export interface Change {
  /** Name for commitInfo: WRITE, MERGE, OPTIMIZE, … */
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly add?: readonly DataFile[];
  readonly remove?: readonly DataFile[];
  /** False only for a rewrite that changes no row (compaction). */
  readonly dataChange?: boolean;
  readonly transactions?: readonly TransactionStep[];
  /** Number of the lease this run holds: the commit is refused where the table has seen a greater one. */
  readonly fence?: number;
  /** The whole table configuration, where it changes. A change of the table itself lands beside no other commit. */
  readonly configuration?: Readonly<Record<string, string>>;
  /** Columns that the table gains, after those it has: rows that are there have null in them. */
  readonly addColumns?: readonly Column[];
  /** Columns and partition that the table has from now on: every file that it has must go in the same change. */
  readonly contract?: TableContract;
  /** Partition values whose files were read to make this change: another writer's add there is a conflict.
   * Undefined: the change depends on no file but those it removes. 'all': on the whole table. */
  readonly reads?: 'all' | { readonly column: string; readonly values: readonly string[] };
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly snapshot: Snapshot }
  | { readonly kind: 'conflicted'; readonly reason: Conflict; readonly snapshot: Snapshot };

/** transaction: an appId's version is not the expected one; files: a file we build on changed; fenced: the table has
 * seen a lease with a greater number; metadata: the change is one of the table itself, and a commit came before it. */
export type Conflict = 'transaction' | 'files' | 'fenced' | 'metadata';

/** What a commit needs from the run it belongs to. */
export interface CommitContext {
  readonly clock: Clock;
  /** Spreads writers that collided; default Math.random. */
  readonly random?: () => number;
  readonly runId: string;
  readonly log?: Log;
}

/**
 * The table at its latest version, or at the one asked for; undefined where there is no table. Needs no DuckDB. A last
 * entry of the log that is cut off was committed by nobody: readers pass over it, writers do not.
 * Throws `table_corrupt` where the log lacks entries, `table_unsupported` where it may not be read.
 */
export function readSnapshot(
  location: TableLocation,
  signal: AbortSignal,
  options: { readonly version?: number } = {},
): Promise<Snapshot | undefined> {
  return snapshots.readSnapshot(location, signal, options);
}

/**
 * Opens the table to write, or creates it (version 0; it doesn't matter who wins that race). `configuration` is added
 * to the contract's properties when the table is created, and not compared with those of a table that is there.
 * Throws `table_conflict` where its columns or partition are not the contract's, `table_unsupported` where another
 * writer raised the protocol, `table_corrupt` where the last entry of the log is cut off and stays so.
 */
export function ensureTable(
  location: TableLocation,
  contract: TableContract,
  options: { readonly configuration?: Readonly<Record<string, string>>; readonly context: CommitContext },
  signal: AbortSignal,
): Promise<Snapshot> {
  return creation.ensureTable(location, contract, options, signal);
}

/** Rows of the file as its statistics count them; undefined where its writer did not tell. */
export function rowCountOf({ statistics }: DataFile): number | undefined {
  return rowsCounted(statistics);
}

/** For who has a snapshot and will stage files: throws `table_unsupported` where another writer upgraded the table. */
export function checkWritable(location: TableLocation, snapshot: Snapshot): void {
  states.checkWritable(snapshot.protocol, `${location.store.url}/${location.root}`);
}

/**
 * Lands the change as the next version, or says why it cannot: then nothing of it is in the table, and the snapshot
 * is the newest. Lost races are retried where nothing the change builds on has moved since `base`; a reply that was
 * lost is settled by reading the entry back.
 * Throws `table_conflict` where another writer changed the metadata, `table_unsupported` where it raised the protocol.
 */
export function commit(
  location: TableLocation,
  base: Snapshot,
  change: Change,
  context: CommitContext,
  signal: AbortSignal,
): Promise<CommitResult> {
  return commits.commit(location, base, change, context, signal);
}

/**
 * The files that changed rows between two versions: `fromVersion` is exclusive (-1: from the start), `toVersion`
 * inclusive. Only what was committed with `dataChange` counts, so a file that a compaction has replaced since is
 * still in `added` under its own name. The rows of `added` less the rows of `removed` are what changed: a file that
 * came and went in between is in neither, and one that went and came back is in neither.
 * Throws `table_corrupt`, naming `rebuild`, where entries of the log are gone.
 */
export function changesBetween(
  location: TableLocation,
  fromVersion: number,
  toVersion: number,
  signal: AbortSignal,
): Promise<FileChanges> {
  return changes.changesBetween(location, fromVersion, toVersion, signal);
}

export interface FileChanges {
  readonly added: DataFile[];
  readonly removed: DataFile[];
}

export interface WriteOptions {
  /** False where nearly every value is another: saves memory and time, and no byte of the file. Default true. */
  readonly dictionaries?: boolean;
  /** Rows of a row group at most, 2,048 at least; DuckDB holds one as a whole while it writes. Default 122,880. */
  readonly rowGroupRows?: number;
  /** Partition values that all rows have, by whoever knows them: the rows are then read once, not twice. */
  readonly partition?: Readonly<Record<string, string>>;
  /** All partition values by one statement, their rows in no order: for 100 small ones at most. Default: one by one. */
  readonly together?: boolean;
  /** Whether `checkColumns` has looked at the columns that the relation is made of; default false. */
  readonly columnsChecked?: boolean;
  /** Looks at each file before it leaves this machine: the local copy, the rows in it, and its path in the log. */
  readonly onWritten?: (localFile: string, rows: number, path: string) => Promise<void>;
}

/**
 * Throws `internal` where a column of the relation is missing or of another type than the contract's: DuckDB would
 * write it without a word, and readers would find the file and the log at odds.
 */
export function checkColumns(
  database: Database,
  location: TableLocation,
  contract: TableContract,
  relation: string,
): Promise<void> {
  return dataFiles.checkColumns(database, location, contract, relation);
}

/**
 * Writes the rows of a relation (a table or view of `database`, read once a partition value, in its order) as data
 * files of the table, one a partition value, and uploads them. Nobody refers to them until they are committed. None
 * for an empty relation. Throws `internal` where a column is missing or of another type than the contract's.
 */
export function writeFiles(
  database: Database,
  location: TableLocation,
  contract: TableContract,
  relation: string,
  scratch: Scratch,
  signal: AbortSignal,
  options?: WriteOptions,
): Promise<DataFile[]> {
  return dataFiles.writeFiles(database, location, contract, relation, scratch, signal, options);
}

/** A data file that is being written from columns in memory, without DuckDB. After an error: `discard`. */
export interface ColumnFile {
  /** Takes rows of the contract's columns without the partition columns; their memory is free once it has resolved. */
  append(rows: ParquetRows): Promise<void>;
  /** Ends and uploads the file; nobody refers to it until it is committed. */
  store(signal: AbortSignal): Promise<DataFile>;
  /** Throws away what is there, wherever it was. */
  discard(): Promise<void>;
}

/** Begins a data file of one partition value for rows of strings, numbers and timestamps: no booleans, no dates. */
export function createColumnFile(
  location: TableLocation,
  contract: TableContract,
  partitionValues: Readonly<Record<string, string>>,
  scratch: Scratch,
): Promise<ColumnFile> {
  return columnFiles.createColumnFile(location, contract, partitionValues, scratch);
}

/**
 * Makes `name` (`view` or `schema.view`) a view over exactly these files, with the contract's columns in order and
 * type; partition columns come from the log and never from a path. The files are fetched through `scratch` and must
 * stay there while the view is read. Throws `table_corrupt` where a file is gone.
 */
export function defineRelation(
  database: Database,
  name: string,
  location: TableLocation,
  contract: TableContract,
  files: Iterable<DataFile>,
  scratch: Scratch,
  signal: AbortSignal,
  options?: RelationOptions,
): Promise<void> {
  return relations.defineRelation(database, name, location, contract, files, scratch, signal, options);
}

/** What `defineRelation` makes a view of, for a statement that reads it once: a query, to stand in brackets. */
export function relationQuery(
  location: TableLocation,
  contract: TableContract,
  files: Iterable<DataFile>,
  scratch: Scratch,
  signal: AbortSignal,
  options?: RelationOptions,
): Promise<string> {
  return relations.relationQuery(location, contract, files, scratch, signal, options);
}

export interface RelationOptions {
  /** One more column of this name: the path in the log of the row's file. */
  readonly fileColumn?: string;
  /** Only these rows of every file, by their place in it from 0; `end` is exclusive. */
  readonly rows?: RowRange;
}

export interface RowRange {
  readonly first: number;
  readonly end: number;
}

/** The object in the table's store that a file of its log is. Throws `table_unsupported` where it lies outside. */
export function objectPathOf(location: TableLocation, file: Pick<DataFile, 'path'>): string {
  return relations.objectPath(location, file);
}

/**
 * Writes the log checkpoint of a version (default: the latest) from a full replay, reads it back, and only then points
 * `_last_checkpoint` to it. A commit does this by itself now and then.
 */
export function writeLogCheckpoint(
  location: TableLocation,
  options: { readonly version?: number; readonly nowMs: number },
  signal: AbortSignal,
): Promise<void> {
  return checkpoints.writeLogCheckpoint(location, options, signal);
}

export interface CompactOptions {
  readonly openDatabase: () => Promise<Database>;
  readonly scratch: Scratch;
  readonly context: CommitContext;
  readonly fence: number;
  /** Bytes of files read by this call; the first group of files is read whatever it has. */
  readonly inputBytesMax: number;
  /** Newest version that every reader of the table's log has applied (-1: none); what was added after it stays as it
   * is. Undefined: nobody reads this log. */
  readonly readThrough: number | undefined;
  /** Columns that rows of a file are ordered by; left out: as they stood. */
  readonly orderBy?: readonly string[];
  /** Bytes that a compacted file is meant to have. */
  readonly targetBytes?: number;
  /** Uncompressed bytes of a row group; files with rows too large for it are left as they are. Default 24 MiB. */
  readonly rowGroupBytesMax?: number;
  /** As of `writeFiles`. Footers tell the size of rows of large texts only without. */
  readonly dictionaries?: boolean;
  /** A soft stop: what is begun is committed. */
  readonly stop?: AbortSignal;
}

export interface Compaction {
  readonly outcome: 'complete' | 'empty' | 'stopped' | 'locked';
  readonly filesRemoved: number;
  readonly filesAdded: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Small files that a reader of the log has not come to yet. */
  readonly filesWaiting: number;
  /** Small files that the next call goes on with. */
  readonly filesLeft: number;
  /** Small files whose rows are too large to be rewritten within the memory there is. */
  readonly filesLarge: number;
}

export { COMPACTED_BYTES, NOTHING_COMPACTED } from './compact-table.ts';

/**
 * Makes one file of the small files of a partition, group by group, without changing a row: removes and adds in one
 * commit with `dataChange` false. A second call goes on where this one ended. Throws `table_conflict` where other
 * writers keep removing the files, `conservation_broken` where rows would be lost.
 */
export function compactTable(
  location: TableLocation,
  options: CompactOptions,
  signal: AbortSignal,
): Promise<Compaction> {
  return compactions.compactTable(location, options, signal);
}

export interface GarbageOptions {
  readonly nowMs: number;
  /** Snapshots younger than this stay readable. */
  readonly retainMs: number;
  /** As of `compactTable`. */
  readonly readThrough: number | undefined;
}

/** An object of a table that nothing needs any more. */
export interface Garbage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly kind: 'data file' | 'log';
}

/**
 * Objects that neither the latest snapshot needs, nor one within the retention, nor a reader that has still to read
 * the log: data files, and log files before an old log checkpoint, oldest first. A file that no commit named counts
 * only after a day, since a run may be about to commit it. Deletes nothing.
 */
export function findGarbage(location: TableLocation, options: GarbageOptions, signal: AbortSignal): Promise<Garbage[]> {
  return garbage.findGarbage(location, options, signal);
}
