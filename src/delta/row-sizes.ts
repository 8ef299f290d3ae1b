import { present } from '../base/assert.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { DataFile, TableLocation } from './delta.ts';
import { objectPath } from './relation.ts';

const rowSizesSql = sqlFile(new URL('row-sizes.sql', import.meta.url));

/** Uncompressed bytes of a row of each file by its path, by its footer: of its row groups' averages the largest. */
export async function rowSizes(
  database: Database,
  location: TableLocation,
  files: readonly DataFile[],
  scratch: Scratch,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const pathOf = new Map<string, string>();
  for (const file of files) {
    pathOf.set(await scratch.fetch(location.store, objectPath(location, file), signal), file.path);
  }
  const rows = await database.rows<{ file: string; row_bytes: number }>(
    rowSizesSql,
    { files: [...pathOf.keys()] },
    signal,
  );
  return new Map(
    rows.map(({ file, row_bytes: bytes }) => [present(pathOf.get(file), 'the path of a local copy'), bytes]),
  );
}
