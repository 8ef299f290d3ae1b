import type { DataFile, RowRange, TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bodyMemory, bytesOf, type RowGroup } from './body-memory.ts';

/** Rows that are merged at once: whole files, or the rows of one file from one place to another. */
export interface BronzePart {
  readonly files: readonly DataFile[];
  /** Undefined: all rows. */
  readonly rows?: RowRange;
}

/** What the parts are cut with. */
export interface CuttingTools {
  readonly openDatabase: () => Promise<Database>;
  readonly scratch: Scratch;
  /** Compressed bytes of the files looked at together, a single file aside. */
  readonly filesBytesMax: number;
  /** Uncompressed, of the bodies of a part. */
  readonly bodyBytesMax: number;
}

/**
 * All rows of the files in parts whose bodies have room in memory, whatever they are and however many stand in one
 * file: files of few bodies go together, and a file of too many is cut. Footers are read as the parts are asked for.
 */
export async function* partsWithinMemory(
  files: Iterable<DataFile>,
  table: TableLocation,
  { openDatabase, scratch, filesBytesMax, bodyBytesMax }: CuttingTools,
  signal: AbortSignal,
): AsyncGenerator<BronzePart> {
  for (const together of filesWithin(files, filesBytesMax)) {
    const copies = scratch.scope();
    let groups: readonly RowGroup[][];
    try {
      groups = await bodyMemory(together, table, await openDatabase(), copies, signal);
    } finally {
      copies.release();
    }
    yield* partsOf(together, groups, bodyBytesMax);
  }
}

function filesWithin(files: Iterable<DataFile>, bytesMax: number): DataFile[][] {
  const lots: DataFile[][] = [];
  let bytes = 0;
  for (const file of files) {
    const last = lots.at(-1);
    if (last === undefined || bytes + file.sizeBytes > bytesMax) {
      lots.push([file]);
      bytes = file.sizeBytes;
    } else {
      last.push(file);
      bytes += file.sizeBytes;
    }
  }
  return lots;
}

/** The same of files whose row groups are known. */
function partsOf(files: readonly DataFile[], groups: readonly RowGroup[][], bodyBytesMax: number): BronzePart[] {
  const parts: BronzePart[] = [];
  let whole: DataFile[] = [];
  let bytes = 0;
  const close = (): void => {
    if (whole.length > 0) parts.push({ files: whole });
    [whole, bytes] = [[], 0];
  };
  for (const [at, file] of files.entries()) {
    const own = groups[at] ?? [];
    const ownBytes = bytesOf(own);
    if (bytes + ownBytes > bodyBytesMax) close();
    if (ownBytes > bodyBytesMax) {
      parts.push(...rangesOf(own, bodyBytesMax).map((rows) => ({ files: [file], rows })));
      continue;
    }
    whole.push(file);
    bytes += ownBytes;
  }
  close();
  return parts;
}

/** Row groups go together as files do; one of too many bodies is cut into as many equal ranges as it takes. */
function rangesOf(groups: readonly RowGroup[], bytesMax: number): RowRange[] {
  const ranges: RowRange[] = [];
  let [first, end, bytes] = [0, 0, 0];
  const close = (): void => {
    if (end > first) ranges.push({ first, end });
    [first, bytes] = [end, 0];
  };
  for (const group of groups.flatMap((whole) => cut(whole, bytesMax))) {
    if (bytes + group.bytes > bytesMax) close();
    end += group.rows;
    bytes += group.bytes;
  }
  close();
  return ranges;
}

function cut({ rows, bytes }: RowGroup, bytesMax: number): RowGroup[] {
  const pieces = Math.max(1, Math.min(rows, Math.ceil(bytes / bytesMax)));
  return Array.from({ length: pieces }, (_, at) => {
    const [from, to] = [at, at + 1].map((end) => Math.floor((end * rows) / pieces)) as [number, number];
    return { rows: to - from, bytes: bytes / pieces };
  });
}
