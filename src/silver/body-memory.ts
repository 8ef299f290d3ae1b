import { KiB, MiB } from '../base/limits.ts';
import { objectPathOf, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';

const bodyBytesSql = sqlFile(new URL('statements/body-bytes.sql', import.meta.url));

const limits = {
  /** Files of bodies larger than this on average count manifold: they are held as often, in whole chunks of rows. */
  largeBodyBytes: 8 * KiB,
  largeBodyWeight: 4,
} as const;

/** Where nothing else is said. */
const BODY_BYTES_MAX = 160 * MiB;

/** Bodies judged at once, uncompressed: a text of one letter is a thousand times smaller in its file. */
export function bodyBytesMaxOf({ bodyBytesMax = BODY_BYTES_MAX }: { readonly bodyBytesMax?: number }): number {
  return bodyBytesMax;
}

/** Rows of a file that stand together in it. */
export interface RowGroup {
  readonly rows: number;
  /** That their bodies take in memory while they are judged. */
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
  return local.map((file) => (byFile.get(file) ?? []).map(weighed));
}

export function bytesOf(groups: readonly RowGroup[]): number {
  return groups.reduce((sum, { bytes }) => sum + bytes, 0);
}

function weighed({ rows, bytes }: { readonly rows: bigint; readonly bytes: bigint }): RowGroup {
  const isLarge = Number(bytes) > Number(rows) * limits.largeBodyBytes;
  return { rows: Number(rows), bytes: Number(bytes) * (isLarge ? limits.largeBodyWeight : 1) };
}
