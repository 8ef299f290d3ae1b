import { MiB } from '../base/limits.ts';
import { objectPathOf, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';

const bodyBytesSql = sqlFile(new URL('statements/body-bytes.sql', import.meta.url));

/** Where nothing else is said. */
const BODY_BYTES_MAX = 160 * MiB;

/** Bodies whose events are merged at once, uncompressed; other work goes by it. */
export function bodyBytesMaxOf({ bodyBytesMax = BODY_BYTES_MAX }: { readonly bodyBytesMax?: number }): number {
  return bodyBytesMax;
}

/** Rows of a file that stand together in it. */
export interface RowGroup {
  readonly rows: number;
  /** Of their bodies, uncompressed. */
  readonly bytes: number;
}

/** The row groups of each of the files, in order, by their footers. The files stay fetched as long as the scratch. */
export async function bodyMemory(
  files: readonly DataFile[],
  table: TableLocation,
  database: Database,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<readonly RowGroup[][]> {
  if (files.length === 0) return [];
  const local: string[] = [];
  for (const file of files) local.push(await scratch.fetch(table.store, objectPathOf(table, file), signal));
  const found = await database.rows<{ file: string; rows: bigint; bytes: bigint }>(
    bodyBytesSql,
    { files: local },
    signal,
  );
  const byFile = Map.groupBy(found, ({ file }) => file);
  return local.map((file) =>
    (byFile.get(file) ?? []).map(({ rows, bytes }) => ({ rows: Number(rows), bytes: Number(bytes) })),
  );
}

export function bytesOf(groups: readonly RowGroup[]): number {
  return groups.reduce((sum, { bytes }) => sum + bytes, 0);
}
