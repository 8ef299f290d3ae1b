import { LENGTH_BYTES } from '../base/byte-column.ts';
import type { NumberValues, TextValues } from './parquet.ts';

/** Values of one page or dictionary, without the rows to take from them. */
export type PageTexts = Omit<TextValues, 'first'>;
export type PageNumbers = Omit<NumberValues, 'first'>;
export type PageValues = PageTexts | PageNumbers;

/** Of one page: which of its rows are null (undefined: none), and where its values begin. */
export interface Levels {
  readonly nulls: Uint8Array | undefined;
  readonly nullCount: number;
}

export const NO_NULLS: Levels = { nulls: undefined, nullCount: 0 };

/** The definition levels (0 or 1) of so many rows. Throws a RangeError. */
export function readLevels(bytes: Uint8Array, from: number, to: number, rows: number): Levels {
  const only = onlyRun(bytes, from, to, rows);
  if (only === 1) return NO_NULLS;
  if (only === 0) return { nulls: new Uint8Array(rows).fill(1), nullCount: rows };
  const levels = readRuns(bytes, from, to, rows, 1);
  const nulls = new Uint8Array(rows);
  let nullCount = 0;
  for (let row = 0; row < rows; row++) nullCount += nulls[row] = 1 - (levels[row] as number);
  return nullCount === 0 ? NO_NULLS : { nulls, nullCount };
}

/** The value of a run that stands for all rows, as mostly where all or none are null. */
function onlyRun(bytes: Uint8Array, from: number, to: number, rows: number): number | undefined {
  let [at, head, scale] = [from, 0, 1];
  for (let byte = 0x80; byte >= 0x80; scale *= 0x80) {
    if (at + 1 >= to || scale > 2 ** 28) return undefined;
    byte = bytes[at++] as number;
    head += (byte & 0x7f) * scale;
  }
  return head === rows * 2 ? bytes[at] : undefined;
}

/** Parquet's hybrid of runs and packed bits, of numbers so many bits wide. Throws a RangeError. */
export function readRuns(bytes: Uint8Array, from: number, to: number, count: number, bitWidth: number): Int32Array {
  const values = new Int32Array(count);
  const widthBytes = Math.ceil(bitWidth / 8);
  let [at, filled] = [from, 0];
  while (filled < count) {
    let [head, shift, byte] = [0, 0, 0];
    do {
      if (at >= to || shift > 28) throw new RangeError('runs end too early');
      byte = bytes[at++] as number;
      head |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    const length = head >>> 1;
    if ((head & 1) === 0) {
      if (length === 0 || at + widthBytes > to) throw new RangeError('a run ends too early');
      let value = 0;
      for (let part = 0; part < widthBytes; part++) value |= (bytes[at++] as number) << (8 * part);
      values.fill(value, filled, Math.min(count, filled + length));
      filled += length;
    } else {
      const packedBytes = length * bitWidth;
      if (length === 0 || at + packedBytes > to) throw new RangeError('packed bits end too early');
      const packed = Math.min(count - filled, length * 8);
      for (let item = 0; item < packed; item++) values[filled + item] = bitsAt(bytes, at, item * bitWidth, bitWidth);
      at += packedBytes;
      filled += length * 8;
    }
  }
  return values;
}

function bitsAt(bytes: Uint8Array, start: number, bit: number, width: number): number {
  let value = 0;
  for (let offset = 0; offset < width; offset++) {
    const position = bit + offset;
    value |= (((bytes[start + (position >> 3)] as number) >> (position & 7)) & 1) << offset;
  }
  return value;
}

/** PLAIN texts: before each its length. Rows that are null have no value. Throws a RangeError. */
export function readTexts(bytes: Uint8Array, from: number, rows: number, { nulls }: Pick<Levels, 'nulls'>): PageTexts {
  const starts = new Uint32Array(rows);
  const ends = new Uint32Array(rows);
  let at = from;
  for (let row = 0; row < rows; row++) {
    if (nulls !== undefined && nulls[row] === 1) {
      starts[row] = ends[row] = at;
      continue;
    }
    const start = at + LENGTH_BYTES;
    if (start > bytes.length) throw new RangeError('texts end too early');
    at = start + lengthAt(bytes, at);
    if (at > bytes.length) throw new RangeError('a text goes beyond its page');
    starts[row] = start;
    ends[row] = at;
  }
  return { bytes, starts, ends, nulls };
}

/** The length before a value, little endian: whoever asks has seen that it is there. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  const high = (bytes[at + 3] as number) * 0x1000000;
  return high + (((bytes[at + 2] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at] as number));
}

/** PLAIN numbers of 4 or 8 bytes; a null is 0. Throws a RangeError. */
export function readNumbers(bytes: Uint8Array, from: number, rows: number, wide: boolean, levels: Levels): PageNumbers {
  const width = wide ? 8 : 4;
  const count = rows - levels.nullCount;
  if (from + count * width > bytes.length) throw new RangeError('numbers end too early');
  // Copied: they stand at any place of the page, and so are not aligned.
  const { buffer } = new Uint8Array(bytes.subarray(from, from + count * width));
  const dense = wide ? new BigInt64Array(buffer) : new Int32Array(buffer);
  const { nulls } = levels;
  if (nulls === undefined) return { values: dense, nulls };
  const values = wide ? new BigInt64Array(rows) : new Int32Array(rows);
  for (let [row, next] = [0, 0]; row < rows; row++) if (nulls[row] === 0) values[row] = dense[next++] as never;
  return { values, nulls };
}

/** The values that stand in the dictionary at these places, a place for each row that is not null. */
export function fromDictionary(
  dictionary: PageValues,
  places: Int32Array,
  rows: number,
  { nulls }: Pick<Levels, 'nulls'>,
): PageValues {
  const entries = 'bytes' in dictionary ? dictionary.ends.length : dictionary.values.length;
  const placeOf = new Int32Array(rows);
  for (let [row, next] = [0, 0]; row < rows; row++) {
    if (nulls !== undefined && nulls[row] === 1) continue;
    const place = places[next++] as number;
    if (place < 0 || place >= entries) throw new RangeError('a value is not in its dictionary');
    placeOf[row] = place;
  }
  if ('bytes' in dictionary) {
    const [starts, ends] = [new Uint32Array(rows), new Uint32Array(rows)];
    for (let row = 0; row < rows; row++) {
      if (nulls !== undefined && nulls[row] === 1) continue;
      starts[row] = dictionary.starts[placeOf[row] as number] as number;
      ends[row] = dictionary.ends[placeOf[row] as number] as number;
    }
    return { bytes: dictionary.bytes, starts, ends, nulls };
  }
  const { values: known } = dictionary;
  const values = known instanceof BigInt64Array ? new BigInt64Array(rows) : new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    if (nulls === undefined || nulls[row] === 0) values[row] = known[placeOf[row] as number] as never;
  }
  return { values, nulls };
}
