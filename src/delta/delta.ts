import type { TableContract } from '../../schemas/contract.ts';
import type { ObjectStore } from '../storage/storage.ts';

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
}

export interface TransactionStep {
  readonly appId: string;
  /** Version the snapshot must have, undefined: none yet. */
  readonly expected: number | undefined;
  readonly next: number;
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
  /** The whole table configuration, where it changes. */
  readonly configuration?: Readonly<Record<string, string>>;
  /** Partition values whose files were read to make this change: another writer's add there is a conflict.
   * Undefined: the change depends on no file but those it removes. 'all': on the whole table. */
  readonly reads?: 'all' | { readonly column: string; readonly values: readonly string[] };
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly snapshot: Snapshot }
  | { readonly kind: 'conflicted'; readonly reason: Conflict; readonly snapshot: Snapshot };

/** transaction: an appId's version is not the expected one; files: a file we build on changed; fenced: a greater lease. */
export type Conflict = 'transaction' | 'files' | 'fenced';
