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

/** A length of which a byte is not ASCII. */
const NOT_ASCII = 0x80808080 | 0;

/**
 * Whether each of the values from `first` on is UTF-8 by itself, in one look at the whole run. What stands between two
 * values must end every code point: lengths of ASCII bytes do, in the place of others stand zeros while it looks.
 */
export function areUtf8(column: ByteColumn, first: number, count: number): boolean {
  if (count === 0) return true;
  const { bytes, ends } = column;
  const replaced = replaceLengths(column, first, count, false);
  const sound = isUtf8(bytes.subarray(entryStart(ends, first), ends[first + count - 1]));
  if (replaced > 0) replaceLengths(column, first, count, true);
  return sound;
}

/** Puts zeros in the place of lengths that are not ASCII, or these lengths back; says of how many. */
function replaceLengths({ bytes, ends }: ByteColumn, first: number, count: number, isBack: boolean): number {
  let replaced = 0;
  let start = entryStart(ends, first);
  for (let row = first; row < first + count; row++) {
    const end = ends[row] as number;
    const length = end - start - LENGTH_BYTES;
    if ((length & NOT_ASCII) !== 0 && start < end) {
      writeLength(bytes, start, isBack ? length : 0);
      replaced++;
    }
    start = end;
  }
  return replaced;
}
