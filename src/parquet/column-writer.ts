import type { ByteColumn } from '../base/byte-column.ts';
import { entryStart } from '../base/byte-column.ts';
import { releaseMemory } from '../base/release-memory.ts';
import type { Bounds } from './bounds.ts';
import { definitionLevels, levelsRoom } from './levels.ts';
import type { Frame, PageCompressor } from './page-compressor.ts';

/** Values of one page; a value that is larger has a page of its own. */
export const PAGE_BYTES = 512 * 1024;
/** Rows of a row group, and so of a page. */
export const GROUP_ROWS_MAX = 61_440;
/** A page of fewer bytes that is the only one of its column is stored as it is. */
const COMPRESSED_BYTES_MIN = 512;
const LEVELS_ROOM = levelsRoom(GROUP_ROWS_MAX);

export interface StoredPage {
  readonly rows: number;
  readonly rawBytes: number;
  readonly stored: Promise<Frame>;
  /** To be called once it is written. */
  readonly release?: () => void;
}

export interface StoredPages {
  readonly compressed: boolean;
  readonly pages: readonly StoredPage[];
}

/** Buffers of pages that are compressed, to be filled again. */
export class PageBuffers {
  readonly #free: Buffer[] = [];

  take(valueBytes: number): Buffer {
    if (valueBytes > PAGE_BYTES) return Buffer.allocUnsafeSlow(LEVELS_ROOM + valueBytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LEVELS_ROOM + PAGE_BYTES);
  }

  /** Gives back the memory of those that nobody has: the collector comes late where little else is made. */
  discard(): void {
    for (const { buffer } of this.#free.splice(0)) releaseMemory(buffer);
  }

  giveBack(buffer: Buffer): void {
    if (buffer.length === LEVELS_ROOM + PAGE_BYTES) this.#free.push(buffer);
  }
}

/** PLAIN pages of one column of one row group: values are copied behind each other, and go to the compressor full. */
export class ColumnWriter {
  readonly bounds: Bounds | undefined;
  nullCount = 0;
  readonly #compressor: Pick<PageCompressor, 'start'> | undefined;
  readonly #buffers: PageBuffers;
  readonly #pages: StoredPage[] = [];
  #buffer: Buffer | undefined;
  #used = LEVELS_ROOM;
  #rows = 0;
  #nulls = 0;
  /** 1 for a null of the open page; only where there is one. */
  #isNull: Uint8Array | undefined;

  constructor(compressor: Pick<PageCompressor, 'start'> | undefined, buffers: PageBuffers, bounds: Bounds | undefined) {
    this.#compressor = compressor;
    this.#buffers = buffers;
    this.bounds = bounds;
  }

  async texts(column: ByteColumn, from: number, to: number): Promise<void> {
    this.bounds?.addTexts(column, from, to);
    const { bytes, ends, nulls } = column;
    let row = from;
    while (row < to) {
      const start = entryStart(ends, row);
      const fitting = await this.#room((ends[row] as number) - start);
      const next = rowBehind(ends, row, to, start + fitting);
      const end = entryStart(ends, next);
      this.#copy(bytes.subarray(start, end));
      this.#levels(next - row, nulls?.subarray(row, next));
      row = next;
    }
  }

  nulls(count: number): void {
    this.#levels(count, 'all');
  }

  async numbers(values: BigInt64Array | Int32Array, from: number, to: number): Promise<void> {
    if (values instanceof Int32Array) this.bounds?.addIntegers(values, from, to);
    else this.bounds?.addLongs(values, from, to);
    const width = values.BYTES_PER_ELEMENT;
    let row = from;
    while (row < to) {
      const fitting = await this.#room(width);
      const next = Math.min(to, row + Math.floor(fitting / width));
      this.#copy(new Uint8Array(values.buffer, values.byteOffset + row * width, (next - row) * width));
      this.#levels(next - row, undefined);
      row = next;
    }
  }

  /** All pages, the last one too; the writer is done then. */
  async end(): Promise<StoredPages> {
    const isLong = this.#pages.length > 0 || this.#used - LEVELS_ROOM >= COMPRESSED_BYTES_MIN;
    const compressed = isLong && this.#compressor !== undefined;
    if (this.#rows > 0) await this.#cut(compressed);
    return { compressed, pages: this.#pages };
  }

  /** Bytes that the open page still takes: at least the ones wanted, for which a new page is begun if need be. */
  async #room(wanted: number): Promise<number> {
    const left = this.#buffer === undefined ? PAGE_BYTES : this.#buffer.length - this.#used;
    if (wanted <= left) return left;
    if (this.#rows > 0) await this.#cut(true);
    this.#buffer ??= this.#buffers.take(wanted);
    return this.#buffer.length - this.#used;
  }

  #copy(values: Uint8Array): void {
    if (values.length === 0) return;
    this.#buffer ??= this.#buffers.take(values.length);
    this.#buffer.set(values, this.#used);
    this.#used += values.length;
  }

  #levels(count: number, nulls: Uint8Array | undefined | 'all'): void {
    const found = nulls === undefined ? 0 : nulls === 'all' ? count : sum(nulls);
    const before = this.#rows;
    this.#rows += count;
    this.#nulls += found;
    const isMixed = this.#nulls > 0 && this.#nulls < this.#rows;
    if (this.#isNull === undefined && isMixed) {
      this.#isNull = new Uint8Array(GROUP_ROWS_MAX + 8);
      if (this.#nulls > found) this.#isNull.fill(1, 0, before);
    }
    if (nulls instanceof Uint8Array) this.#isNull?.set(nulls, before);
    else this.#isNull?.fill(found === 0 ? 0 : 1, before, this.#rows);
  }

  async #cut(compressed: boolean): Promise<void> {
    const { page, buffer } = this.#take();
    const rows = this.#rows;
    this.nullCount += this.#nulls;
    this.#used = LEVELS_ROOM;
    this.#rows = 0;
    this.#nulls = 0;
    this.#isNull = undefined;
    if (!compressed || this.#compressor === undefined) {
      // A small page would keep a whole buffer.
      const isFull = buffer !== undefined && page.length > PAGE_BYTES / 2;
      const stored = Promise.resolve([isFull ? page : Buffer.from(page)]);
      if (isFull)
        this.#pages.push({ rows, rawBytes: page.length, stored, release: () => this.#buffers.giveBack(buffer) });
      else this.#pages.push({ rows, rawBytes: page.length, stored });
      if (buffer !== undefined && !isFull) this.#buffers.giveBack(buffer);
      return;
    }
    const { done } = await this.#compressor.start(page);
    const stored = done.finally(() => buffer && this.#buffers.giveBack(buffer));
    // Awaited when its row group is written; until then a failure must not count as unhandled.
    stored.catch(() => {});
    this.#pages.push({ rows, rawBytes: page.length, stored });
  }

  /** The levels are put right before the values. */
  #take(): { page: Uint8Array; buffer: Buffer | undefined } {
    const levels = definitionLevels(this.#rows, this.#nulls, this.#isNull);
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer === undefined) return { page: levels, buffer };
    const start = LEVELS_ROOM - levels.length;
    buffer.set(levels, start);
    return { page: buffer.subarray(start, this.#used), buffer };
  }
}

/** First row of `from` to `to` whose entry ends after `limit`; at least one row is passed. */
function rowBehind(ends: Uint32Array, from: number, to: number, limit: number): number {
  if ((ends[to - 1] as number) <= limit) return to;
  let [low, high] = [from + 1, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sum(values: Uint8Array): number {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index] as number;
  return total;
}
