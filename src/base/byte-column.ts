import { isUtf8 } from 'node:buffer';

/** Bytes of the length that stands before each value. */
export const LENGTH_BYTES = 4;

/**
 * A column of byte strings as Parquet's PLAIN pages have them: before each value its length, 32 bits, little endian;
 * a null takes no bytes. The entry of row i, length and value, is `bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i])`;
 * it is null where `nulls?.[i] === 1`, and only there is it empty.
 */
export interface ByteColumn {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly nulls?: Uint8Array;
}

/** The column of these values; undefined: null. */
export function byteColumnOf(values: readonly (Uint8Array | undefined)[]): ByteColumn {
  let used = 0;
  const ends = Uint32Array.from(values, (value) => (used += value === undefined ? 0 : LENGTH_BYTES + value.length));
  const bytes = Buffer.allocUnsafe(used);
  let at = 0;
  for (const value of values) {
    if (value === undefined) continue;
    writeLength(bytes, at, value.length);
    bytes.set(value, at + LENGTH_BYTES);
    at += LENGTH_BYTES + value.length;
  }
  return { bytes, ends, nulls: Uint8Array.from(values, (value) => (value === undefined ? 1 : 0)) };
}

/** Where the entry of a row begins. */
export function entryStart(ends: Uint32Array, row: number): number {
  return row === 0 ? 0 : (ends[row - 1] as number);
}

/** The value without its length; undefined: null. */
export function valueAt({ bytes, ends }: ByteColumn, row: number): Uint8Array | undefined {
  const start = entryStart(ends, row);
  const end = ends[row] as number;
  return start === end ? undefined : bytes.subarray(start + LENGTH_BYTES, end);
}

/** Puts the length before the value whose entry begins at `at`. */
export function writeLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
}

/** Values so short that each byte of their length is ASCII, or ends a code point that was begun before. */
const SHORT_BYTES_MAX = 127;

/**
 * Whether each of the values from `first` on is UTF-8 by itself, in one look at the whole run. What stands between two
 * values must end every code point: the lengths of short ones do, in the place of others stand zeros while it looks.
 */
export function areUtf8(column: ByteColumn, first: number, count: number): boolean {
  if (count === 0) return true;
  const { bytes, ends } = column;
  const run = bytes.subarray(entryStart(ends, first), ends[first + count - 1]);
  if (areShort(ends, first, count)) return isUtf8(run);
  let start = entryStart(ends, first);
  for (let row = first; row < first + count; row++) {
    const end = ends[row] as number;
    if (start < end) writeLength(bytes, start, 0);
    start = end;
  }
  const sound = isUtf8(run);
  start = entryStart(ends, first);
  for (let row = first; row < first + count; row++) {
    const end = ends[row] as number;
    if (start < end) writeLength(bytes, start, end - start - LENGTH_BYTES);
    start = end;
  }
  return sound;
}

function areShort(ends: Uint32Array, first: number, count: number): boolean {
  let start = entryStart(ends, first);
  for (let row = first; row < first + count; row++) {
    const end = ends[row] as number;
    if (end - start > SHORT_BYTES_MAX + LENGTH_BYTES) return false;
    start = end;
  }
  return true;
}
