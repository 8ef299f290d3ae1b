import { present } from '../base/assert.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import type { DataFile, TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';

const statement = sqlFile(new URL('statements/find-files.sql', import.meta.url));

export interface FileSearch {
  readonly location: TableLocation;
  /** Files to search. */
  readonly files: readonly DataFile[];
  /** Columns of the files, none of them a partition column. */
  readonly columns: readonly string[];
  /** Relation with these columns whose rows are looked for. */
  readonly wanted: string;
}

/**
 * Those of the files that hold a row agreeing in the columns with a row of `wanted`, by reading these columns of
 * all of them. An index of keys may answer instead: it may name a file too many, never one too few.
 */
export async function findFiles(
  database: Database,
  search: FileSearch,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<DataFile[]> {
  if (search.files.length === 0) return [];
  const byLocalFile = new Map<string, DataFile>();
  for (const file of search.files) {
    const path = `${search.location.root}/${decodeURIComponent(file.path)}`;
    byLocalFile.set(await scratch.fetch(search.location.store, path, signal), file);
  }
  const sql = filled(statement, { wanted: quoted(search.wanted), columns: quotedList(search.columns) });
  const rows = await database.rows<{ filename: string }>(sql, { files: [...byLocalFile.keys()] });
  return rows.map(({ filename }) => present(byLocalFile.get(filename), filename));
}
