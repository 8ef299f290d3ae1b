import { changesBetween, type DataFile, type TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bodyMemory, bytesOf } from './body-memory.ts';
import { partsOf, type BronzePart } from './bronze-parts.ts';

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

/** A slice, and what its bodies take of the memory there is for them: 1 is all of it. */
export interface BoundedSlice {
  readonly slice: BronzeSlice;
  readonly share: number;
  /** All of its rows, in parts whose bodies have room in memory: several where a single version has too many. */
  readonly parts: readonly BronzePart[];
}

/** The slice cut so that its bodies have room in memory whatever they are, at least one version that has files. */
export async function withinMemory(
  slice: BronzeSlice,
  bronze: TableLocation,
  bodyBytesMax: number,
  database: Database,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<BoundedSlice> {
  const groups = await bodyMemory(slice.files, bronze, { bodyBytesMax }, database, scratch, signal);
  const bytes = groups.map(bytesOf);
  const upTo = (files: number): number => bytes.slice(0, files).reduce((sum, each) => sum + each, 0);
  const isFirst = (at: number): boolean => (slice.ends[at - 1]?.files ?? 0) === 0;
  const ends = slice.ends.filter(({ files }, at) => isFirst(at) || upTo(files) <= bodyBytesMax);
  const last = ends.at(-1);
  if (last === undefined) return { slice, share: 0, parts: [] };
  const files = slice.files.slice(0, last.files);
  const parts = partsOf(files, groups.slice(0, last.files), bodyBytesMax);
  return { slice: { from: slice.from, to: last.to, files, ends }, share: upTo(last.files) / bodyBytesMax, parts };
}
