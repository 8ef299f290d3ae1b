import type { ByteColumn } from '../base/byte-column.ts';
import { entryStart, LENGTH_BYTES } from '../base/byte-column.ts';

/** Least and greatest value of a column so far, as PLAIN has them, without length. */
export class Bounds {
  least: Uint8Array | undefined;
  greatest: Uint8Array | undefined;
  readonly #compare: Compare;

  constructor(isText: boolean) {
    this.#compare = isText ? compareBytes : compareNumbers;
  }

  /** Takes a value; it is copied where it is kept. */
  add(value: Uint8Array): void {
    if (this.least === undefined || this.#compare(value, this.least) < 0) this.least = Uint8Array.from(value);
    if (this.greatest === undefined || this.#compare(value, this.greatest) > 0) this.greatest = Uint8Array.from(value);
  }

  /** Takes the bounds of a part. */
  join({ least, greatest }: Bounds): void {
    if (least !== undefined) this.add(least);
    if (greatest !== undefined) this.add(greatest);
  }

  addTexts({ bytes, ends }: ByteColumn, from: number, to: number): void {
    let least = -1;
    let greatest = -1;
    for (let row = from; row < to; row++) {
      if (entryStart(ends, row) === ends[row]) continue;
      if (least < 0) least = greatest = row;
      else if (compareEntries(bytes, ends, row, greatest) > 0) greatest = row;
      else if (compareEntries(bytes, ends, row, least) < 0) least = row;
    }
    if (least < 0) return;
    this.add(bytes.subarray(entryStart(ends, least) + LENGTH_BYTES, ends[least]));
    this.add(bytes.subarray(entryStart(ends, greatest) + LENGTH_BYTES, ends[greatest]));
  }

  /** 64-bit numbers are compared by their words: as BigInts each would cost an object. */
  addLongs(values: BigInt64Array, from: number, to: number): void {
    const low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const high = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    let least = from;
    let greatest = from;
    for (let row = from + 1; row < to; row++) {
      if (isLess(low, high, greatest, row)) greatest = row;
      else if (isLess(low, high, row, least)) least = row;
    }
    for (const row of [least, greatest]) this.add(Buffer.from(values.buffer, values.byteOffset + row * 8, 8));
  }

  addIntegers(values: Int32Array, from: number, to: number): void {
    let least = from;
    let greatest = from;
    for (let row = from + 1; row < to; row++) {
      const value = values[row] as number;
      if (value > (values[greatest] as number)) greatest = row;
      else if (value < (values[least] as number)) least = row;
    }
    for (const row of [least, greatest]) this.add(Buffer.from(values.buffer, values.byteOffset + row * 4, 4));
  }
}

type Compare = (a: Uint8Array, b: Uint8Array) => number;

/** Signed, 4 or 8 bytes, little endian. */
export function numberOf(value: Uint8Array): bigint {
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.length);
  return value.length === 4 ? BigInt(buffer.readInt32LE()) : buffer.readBigInt64LE();
}

function compareNumbers(a: Uint8Array, b: Uint8Array): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  return left < right ? -1 : Number(left > right);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

function compareEntries(bytes: Uint8Array, ends: Uint32Array, a: number, b: number): number {
  let left = entryStart(ends, a) + LENGTH_BYTES;
  let right = entryStart(ends, b) + LENGTH_BYTES;
  const leftEnd = ends[a] as number;
  const rightEnd = ends[b] as number;
  for (; left < leftEnd && right < rightEnd; left++, right++) {
    const difference = (bytes[left] as number) - (bytes[right] as number);
    if (difference !== 0) return difference;
  }
  return leftEnd - left - (rightEnd - right);
}

function isLess(low: Uint32Array, high: Int32Array, a: number, b: number): boolean {
  const [left, right] = [high[a * 2 + 1] as number, high[b * 2 + 1] as number];
  return left < right || (left === right && (low[a * 2] as number) < (low[b * 2] as number));
}
