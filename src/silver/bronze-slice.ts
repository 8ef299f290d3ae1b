import { changesBetween, type DataFile, type TableLocation } from '../delta/delta.ts';

/** Bronze versions after `from` up to `to` (-1: none yet), and the files they added. */
export interface BronzeSlice {
  readonly from: number;
  readonly to: number;
  readonly files: readonly DataFile[];
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
  let to = from;
  while (to < upTo) {
    const { added } = await changesBetween(bronze, to, to + 1, signal);
    const addedBytes = added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes > 0 && bytes + addedBytes > bytesMax) break;
    files.push(...added);
    bytes += addedBytes;
    to += 1;
  }
  return { from, to, files };
}
