import { KiB, MiB } from '../base/limits.ts';
import { changesBetween, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';

const bodyBytesSql = sqlFile(new URL('statements/body-bytes.sql', import.meta.url));

const limits = {
  /** Bodies of a slice, uncompressed: a text of one letter is a thousand times smaller in its file. */
  bodyBytesMax: 160 * MiB,
  /** Files of bodies larger than this on average count manifold: they are held as often, in whole chunks of rows. */
  largeBodyBytes: 8 * KiB,
  largeBodyWeight: 4,
} as const;

/** Bronze versions after `from` up to `to` (-1: none yet), and the files they added. */
export interface BronzeSlice {
  readonly from: number;
  readonly to: number;
  readonly files: readonly DataFile[];
  /** The versions, each with the number of files up to it. */
  readonly ends: readonly { readonly to: number; readonly files: number }[];
}

/**
 * The next bronze versions to apply: as many as keep within the bytes, at least one. Files are those that were added,
 * even if compacted since. Throws `table_corrupt` where the log or a file is gone.
 */
export async function nextSlice(
  bronze: TableLocation,
  from: number,
  upTo: number,
  bytesMax: number,
  signal: AbortSignal,
): Promise<BronzeSlice> {
  const files: DataFile[] = [];
  let bytes = 0;
  const ends: { to: number; files: number }[] = [];
  let to = from;
  while (to < upTo) {
    const { added } = await changesBetween(bronze, to, to + 1, signal);
    const addedBytes = added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes > 0 && bytes + addedBytes > bytesMax) break;
    files.push(...added);
    bytes += addedBytes;
    to += 1;
    ends.push({ to, files: files.length });
  }
  return { from, to, files, ends };
}

/** A slice, and what its bodies take of the memory that one slice may take: 1 is all of it, a single version more. */
export interface BoundedSlice {
  readonly slice: BronzeSlice;
  readonly share: number;
}

/** The slice cut so that its bodies have room in memory whatever they are, at least one version. */
export async function withinMemory(
  slice: BronzeSlice,
  bronze: TableLocation,
  database: Database,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<BoundedSlice> {
  const bytes = await bodyBytes(slice.files, bronze, database, scratch, signal);
  const upTo = (files: number): number => bytes.slice(0, files).reduce((sum, each) => sum + each, 0);
  const kept = slice.ends.filter(({ files }, at) => at === 0 || upTo(files) <= limits.bodyBytesMax);
  const last = kept.at(-1);
  if (last === undefined) return { slice, share: 0 };
  const share = upTo(last.files) / limits.bodyBytesMax;
  if (kept.length === slice.ends.length) return { slice, share };
  return { slice: { from: slice.from, to: last.to, files: slice.files.slice(0, last.files), ends: kept }, share };
}

async function bodyBytes(
  files: readonly DataFile[],
  bronze: TableLocation,
  database: Database,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<number[]> {
  if (files.length === 0) return [];
  const local: string[] = [];
  for (const { path } of files) {
    local.push(await scratch.fetch(bronze.store, `${bronze.root}/${decodeURIComponent(path)}`, signal));
  }
  const sizes = await database.rows<{ file: string; rows: bigint; bytes: bigint }>(
    bodyBytesSql,
    { files: local },
    signal,
  );
  const weights = new Map(
    sizes.map(({ file, rows, bytes }) => {
      // A row has two such columns.
      const isLarge = Number(bytes) > (Number(rows) / 2) * limits.largeBodyBytes;
      return [file, Number(bytes) * (isLarge ? limits.largeBodyWeight : 1)];
    }),
  );
  return local.map((file) => weights.get(file) ?? 0);
}
