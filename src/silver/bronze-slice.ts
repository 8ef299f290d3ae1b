import { changesBetween, type DataFile, type TableLocation } from '../delta/delta.ts';

/** Bronze versions after `from` (-1: none yet), in order, and the files that each has added. */
export interface BronzeSlice {
  readonly from: number;
  readonly versions: readonly { readonly version: number; readonly files: readonly DataFile[] }[];
  /** Of the files, compressed. */
  readonly bytes: number;
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
  const versions: { version: number; files: readonly DataFile[] }[] = [];
  let bytes = 0;
  for (let version = from + 1; version <= upTo; version++) {
    const { added: files } = await changesBetween(bronze, version - 1, version, signal);
    const addedBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes > 0 && bytes + addedBytes > bytesMax) break;
    versions.push({ version, files });
    bytes += addedBytes;
  }
  return { from, versions, bytes };
}
