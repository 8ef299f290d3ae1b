import type { TableContract } from '../../schemas/contract.ts';
import type { Log } from '../base/log.ts';
import type { DataFile, TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import * as packs from './key-packs.ts';

/**
 * Key packs: which data file of a table holds which key, so that the cost of finding one is not that of the history.
 *
 * A pack says of its files which hashes their keys have, 38 bits each; see pack-file.ts and key-hash.ts. Data files
 * never change, so that a pack may be missing but is never wrong: what it says of a file counts as long as that file is
 * live. A live file in no pack is read, and stands in the next pack. Packs may be deleted at any time, and are written
 * before or after the commit that they belong to. Beyond 16 of them the small ones are folded into one, without the
 * files that are gone.
 */
export interface KeyOptions {
  /** The table whose files are looked for. */
  readonly table: TableLocation;
  /** Has the types of the columns. */
  readonly contract: TableContract;
  /** What its rows are found by: columns of the data files, none of them a partition column. */
  readonly columns: readonly string[];
  readonly scratch: Scratch;
  readonly log: Log;
}

/** Rows of keys; a local Parquet file of the same keys, where there is one, is read in their place. */
export interface WantedKeys {
  /** SQL: what stands behind FROM, a name or a query in parentheses. */
  readonly from: string;
  readonly file?: string;
  /** The work area of the rows, where it is another than that of the packs. */
  readonly area?: Database;
}

export interface KeyPacks {
  /**
   * Those of the files that hold a row agreeing in the columns with a row that is wanted, and hardly ever another one.
   * A null agrees with nothing. Throws `table_corrupt` where a file of the table is gone.
   */
  find(files: Iterable<DataFile>, wanted: WantedKeys, signal: AbortSignal): Promise<DataFile[]>;
  /** Gathers the keys of a new file of the table from its local copy. */
  note(database: Database, localFile: string, path: string): Promise<void>;
  /**
   * Writes what was gathered as a pack, and folds. A failure is only logged: whoever looks for a key next reads the
   * files instead.
   */
  save(live: ReadonlyMap<string, DataFile>, signal: AbortSignal): Promise<void>;
}

/** The packs of one locator of a table. `area` is a work area, on whose connection no other statement runs. */
export function openKeyPacks(area: Database, options: KeyOptions): KeyPacks {
  return packs.openKeyPacks(area, options);
}

/** Where the packs of a table stand: `_sluice/keys/call_legs/`. */
export function keysFolder(table: TableLocation): string {
  return packs.keysFolder(table);
}
