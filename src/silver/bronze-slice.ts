import { changesBetween, type DataFile, type TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { BODY_BYTES_MAX, bodyMemory, bytesOf } from './body-memory.ts';

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
  const bytes = (await bodyMemory(slice.files, bronze, database, scratch, signal)).map(bytesOf);
  const upTo = (files: number): number => bytes.slice(0, files).reduce((sum, each) => sum + each, 0);
  const kept = slice.ends.filter(({ files }, at) => at === 0 || upTo(files) <= BODY_BYTES_MAX);
  const last = kept.at(-1);
  if (last === undefined) return { slice, share: 0 };
  const share = upTo(last.files) / BODY_BYTES_MAX;
  if (kept.length === slice.ends.length) return { slice, share };
  return { slice: { from: slice.from, to: last.to, files: slice.files.slice(0, last.files), ends: kept }, share };
}
