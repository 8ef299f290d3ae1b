import type { StoredValues, TextValues, NumberValues } from '../parquet/parquet.ts';
import { HASH_BITS } from './pack-file.ts';

/*
 * The hash of a key, which packs keep: it never changes without the version of the packs. It is of the values in their
 * order, a text by its bytes in UTF-8, a number by 8 bytes, little endian. Its low 32 bits are MurmurHash3's (x86, seed
 * 0; of further columns the seed is the hash so far), its high ones those of a second lane with other constants.
 */
const [C1, C2] = [0xcc9e2d51, 0x1b873593];
const [C3, C4] = [0x38b34ae5, 0xa1e38b93];
const NUMBER_BYTES = 8;
const HIGH_MASK = 2 ** (HASH_BITS - 32) - 1;
const TWO_32 = 2 ** 32;

/** Appends the hash of each row that has no null to `into`, from `used` on; says where they end. */
export function hashRows(columns: readonly StoredValues[], count: number, into: Float64Array, used: number): number {
  const [low, high] = [new Int32Array(count), new Int32Array(count)];
  let missing: Uint8Array | undefined;
  for (const column of columns) {
    if ('bytes' in column) mixTexts(column, low, high);
    else mixNumbers(column, low, high);
    missing = withNulls(missing, column, count);
  }
  let end = used;
  for (let row = 0; row < count; row++) {
    if (missing !== undefined && missing[row] === 1) continue;
    into[end++] = ((high[row] as number) & HIGH_MASK) * TWO_32 + ((low[row] as number) >>> 0);
  }
  return end;
}

function withNulls(missing: Uint8Array | undefined, { nulls, first }: StoredValues, count: number) {
  if (nulls === undefined) return missing;
  const all = missing ?? new Uint8Array(count);
  for (let row = 0; row < count; row++) all[row] = (all[row] as number) | (nulls[first + row] as number);
  return all;
}

/** Rows of a group stand together: what is the same as in the row before is not hashed again. */
function mixTexts({ bytes, starts, ends, first }: TextValues, low: Int32Array, high: Int32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [start, end, seedA, seedB, a, b] = [0, -1, 0, 0, 0, 0];
  for (let row = 0; row < low.length; row++) {
    const from = starts[first + row] as number;
    const to = ends[first + row] as number;
    const nextA = low[row] as number;
    const nextB = high[row] as number;
    if (nextA !== seedA || nextB !== seedB || !isSame(view, start, end, from, to)) {
      a = nextA;
      b = nextB;
      let at = from;
      for (; at + 4 <= to; at += 4) {
        const word = view.getInt32(at, true);
        a = step(a ^ scrambled(word));
        b = step(b ^ otherwiseScrambled(word));
      }
      if (at < to) {
        let word = 0;
        for (let byte = to - 1; byte >= at; byte--) word = (word << 8) | view.getUint8(byte);
        a ^= scrambled(word);
        b ^= otherwiseScrambled(word);
      }
      a = finished(a ^ (to - from));
      b = finished(b ^ (to - from));
      start = from;
      end = to;
      seedA = nextA;
      seedB = nextB;
    }
    low[row] = a;
    high[row] = b;
  }
}

function isSame(view: DataView, start: number, end: number, from: number, to: number): boolean {
  if (end - start !== to - from) return false;
  if (start === from) return true;
  // From behind, where ids differ.
  let left = end;
  let right = to;
  for (; left - 4 >= start; left -= 4, right -= 4) {
    if (view.getInt32(left - 4, true) !== view.getInt32(right - 4, true)) return false;
  }
  while (left > start) if (view.getUint8(--left) !== view.getUint8(--right)) return false;
  return true;
}

function mixNumbers({ values, first }: NumberValues, low: Int32Array, high: Int32Array): void {
  const halves =
    values instanceof BigInt64Array
      ? new Int32Array(values.buffer, values.byteOffset + first * NUMBER_BYTES, 2 * low.length)
      : undefined;
  for (let row = 0; row < low.length; row++) {
    const value = halves === undefined ? Number(values[first + row]) : (halves[2 * row] as number);
    const sign = halves === undefined ? value >> 31 : (halves[2 * row + 1] as number);
    const a = step(step((low[row] as number) ^ scrambled(value)) ^ scrambled(sign));
    const b = step(step((high[row] as number) ^ otherwiseScrambled(value)) ^ otherwiseScrambled(sign));
    low[row] = finished(a ^ NUMBER_BYTES);
    high[row] = finished(b ^ NUMBER_BYTES);
  }
}

function scrambled(word: number): number {
  const mixed = Math.imul(word, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

function otherwiseScrambled(word: number): number {
  const mixed = Math.imul(word, C3);
  return Math.imul((mixed << 18) | (mixed >>> 14), C4);
}

function step(hash: number): number {
  return (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
