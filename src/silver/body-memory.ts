import { KiB, MiB } from '../base/limits.ts';
import { objectPathOf, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';

const bodyBytesSql = sqlFile(new URL('statements/body-bytes.sql', import.meta.url));

const limits = {
  /** Bodies above this are for zod alone where memory is plenty: a chunk of 2,048 is held by SQL some eight times. */
  keptBytesMax: 12 * KiB,
  /** The same as a share of the bodies judged at once. */
  keptShare: 1 / 12_800,
  /** Files of bodies larger than this share of it on average count manifold: whole chunks of them are held as often. */
  largeShare: 1 / 4,
  largeWeight: 4,
} as const;

/** Where nothing else is said. */
const BODY_BYTES_MAX = 160 * MiB;

/** Bodies judged at once, uncompressed: a text of one letter is a thousand times smaller in its file. */
export function bodyBytesMaxOf({ bodyBytesMax = BODY_BYTES_MAX }: { readonly bodyBytesMax?: number }): number {
  return bodyBytesMax;
}

/** Bodies above this are for zod, and are read again: what a chunk of rows holds in memory is bounded by it. */
export function keptBytesMaxOf(options: { readonly bodyBytesMax?: number }): number {
  return Math.min(limits.keptBytesMax, Math.floor(bodyBytesMaxOf(options) * limits.keptShare));
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
  options: { readonly bodyBytesMax?: number },
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
  const largeBytes = keptBytesMaxOf(options) * limits.largeShare;
  return local.map((file) => (byFile.get(file) ?? []).map((group) => weighed(group, largeBytes)));
}

export function bytesOf(groups: readonly RowGroup[]): number {
  return groups.reduce((sum, { bytes }) => sum + bytes, 0);
}

function weighed({ rows, bytes }: { readonly rows: bigint; readonly bytes: bigint }, largeBytes: number): RowGroup {
  const isLarge = Number(bytes) > Number(rows) * largeBytes;
  return { rows: Number(rows), bytes: Number(bytes) * (isLarge ? limits.largeWeight : 1) };
}
