import { zstdDecompress } from 'node:zlib';
import { present } from '../base/assert.ts';
import { releaseMemory } from '../base/release-memory.ts';
import { ENCODING, LEVELS_LENGTH_BYTES, numberOf, PAGE, PAGE_BYTES_MAX, structOf } from './page-header.ts';
import { fromDictionary, NO_NULLS, readLevels, readNumbers, readRuns, readTexts } from './page-values.ts';
import type { Levels, PageValues } from './page-values.ts';
import type { ParquetType, StoredValues } from './parquet.ts';
import { unsnappy } from './snappy.ts';
import { ThriftReader } from './thrift-reader.ts';
import type { ThriftStruct } from './thrift-reader.ts';

export const READABLE_CODECS = ['UNCOMPRESSED', 'ZSTD', 'SNAPPY'] as const;
/** Those of levels included. */
export const READABLE_ENCODINGS = ['PLAIN', 'RLE', 'BIT_PACKED', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY'] as const;

/** Of Node's zlib. */
const CHUNK_BYTES_MIN = 64;

export interface StoredChunk {
  readonly type: ParquetType;
  readonly codec: (typeof READABLE_CODECS)[number];
  /** Whether rows may be null: only then do pages begin with levels. */
  readonly optional: boolean;
  readonly rows: number;
  /** Its pages, one behind the other. */
  readonly bytes: Uint8Array;
}

interface Page {
  readonly kind: 'data' | 'dictionary';
  readonly rows: number;
  readonly encoding: number;
  /** Levels, where they stand apart (version 2): their bytes. */
  readonly levels: Uint8Array | undefined;
  readonly content: Promise<Uint8Array>;
}

/** The values of one column of one row group, page by page: the next page is decompressed while one is read. */
export class ColumnPages {
  readonly #chunk: StoredChunk;
  #at = 0;
  #rowsAhead: number;
  #dictionary: PageValues | undefined;
  #ahead: Page | undefined;
  #values: PageValues | undefined;
  /** Of the open page, where nobody else has it. */
  #content: Uint8Array | undefined;
  #row = 0;
  #rows = 0;

  constructor(chunk: StoredChunk) {
    this.#chunk = chunk;
    this.#rowsAhead = chunk.rows;
    this.#ahead = this.#nextPage();
  }

  /** Rows that can be taken of the open page; another page is opened where none are left. Throws a RangeError. */
  async open(): Promise<number> {
    while (this.#row === this.#rows) {
      const page = this.#ahead;
      if (page === undefined) throw new RangeError('a column has fewer rows than its row group');
      if (page.kind === 'data' && page.rows > this.#rowsAhead) throw new RangeError('a page has too many rows');
      const content = await page.content;
      this.#ahead = page.kind === 'dictionary' || this.#rowsAhead > page.rows ? this.#following(page) : undefined;
      if (page.kind === 'dictionary') {
        this.#dictionary = this.#plain(content, 0, page.rows, NO_NULLS);
        continue;
      }
      this.#rowsAhead -= page.rows;
      if (this.#content !== undefined) giveBack(this.#content);
      this.#values = this.#valuesOf(page, content);
      this.#content = content;
      [this.#row, this.#rows] = [0, page.rows];
    }
    return this.#rows - this.#row;
  }

  /** So many rows of the open page. */
  take(count: number): StoredValues {
    const first = this.#row;
    this.#row += count;
    return { ...present(this.#values, 'an open page'), first };
  }

  /** Called once its rows are taken and done with. */
  close(): void {
    if (this.#content !== undefined) giveBack(this.#content);
    giveBack(this.#chunk.bytes);
  }

  #following({ kind, rows }: Page): Page | undefined {
    return kind === 'data' && this.#rowsAhead === rows ? undefined : this.#nextPage();
  }

  #nextPage(): Page {
    const { bytes } = this.#chunk;
    for (;;) {
      const reader = new ThriftReader(bytes, this.#at);
      const header = reader.struct();
      const from = reader.at;
      const storedBytes = numberOf(header, 3);
      if (from + storedBytes > bytes.length) throw new RangeError('a page goes beyond its column');
      if (numberOf(header, 2) > PAGE_BYTES_MAX) throw new RangeError('a page is too large');
      this.#at = from + storedBytes;
      const kind = numberOf(header, 1);
      if (kind !== PAGE.index) return this.#page(kind, header, bytes.subarray(from, this.#at));
    }
  }

  #page(kind: number, header: ThriftStruct, stored: Uint8Array): Page {
    const rawBytes = numberOf(header, 2);
    const details = structOf(header, kind === PAGE.dictionary ? 7 : kind === PAGE.dataV2 ? 8 : 5);
    const rows = numberOf(details, 1);
    if (kind !== PAGE.dataV2) {
      const isDictionary = kind === PAGE.dictionary;
      return {
        kind: isDictionary ? 'dictionary' : 'data',
        rows,
        encoding: numberOf(details, 2),
        levels: undefined,
        content: this.#decompressed(stored, rawBytes),
      };
    }
    const levelBytes = numberOf(details, 5) + numberOf(details, 6);
    const values = stored.subarray(levelBytes);
    return {
      kind: 'data',
      rows,
      encoding: numberOf(details, 4),
      levels: stored.subarray(numberOf(details, 6), levelBytes),
      content: details[7] === false ? Promise.resolve(values) : this.#decompressed(values, rawBytes - levelBytes),
    };
  }

  #decompressed(stored: Uint8Array, rawBytes: number): Promise<Uint8Array> {
    const { codec } = this.#chunk;
    if (codec === 'UNCOMPRESSED' || rawBytes === 0) return Promise.resolve(stored);
    const content =
      codec === 'ZSTD' ? unzstd(stored, rawBytes) : Promise.resolve().then(() => unsnappy(stored, rawBytes));
    const checked = content.then((bytes) => {
      if (bytes.length !== rawBytes) throw new RangeError(`a page has ${bytes.length} bytes instead of ${rawBytes}`);
      return bytes;
    });
    // Awaited when the page is opened; until then a failure must not count as unhandled.
    checked.catch(() => {});
    return checked;
  }

  #valuesOf({ rows, encoding, levels: apart }: Page, content: Uint8Array): PageValues {
    let from = 0;
    let levels = NO_NULLS;
    if (apart !== undefined && apart.length > 0) levels = readLevels(apart, 0, apart.length, rows);
    if (apart === undefined && this.#chunk.optional) {
      const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
      from = LEVELS_LENGTH_BYTES + view.getUint32(0, true);
      if (from > content.length) throw new RangeError('levels go beyond their page');
      levels = readLevels(content, LEVELS_LENGTH_BYTES, from, rows);
    }
    if (encoding === ENCODING.plain) return this.#plain(content, from, rows, levels);
    if (encoding !== ENCODING.plainDictionary && encoding !== ENCODING.rleDictionary) {
      throw new RangeError(`encoding ${encoding} is not expected here`);
    }
    const count = rows - levels.nullCount;
    const places = count === 0 ? new Int32Array(0) : placesOf(content, from, count);
    return fromDictionary(present(this.#dictionary, 'a dictionary'), places, rows, levels);
  }

  #plain(content: Uint8Array, from: number, rows: number, levels: Levels): PageValues {
    const { type } = this.#chunk;
    if (type === 'string') return readTexts(content, from, rows, levels);
    return readNumbers(content, from, rows, type !== 'integer', levels);
  }
}

/** Into one piece of memory: the page and a byte, so that it is seen to have ended. */
function unzstd(stored: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const room = Math.max(CHUNK_BYTES_MIN, rawBytes + 1);
  return new Promise((resolve, reject) => {
    zstdDecompress(stored, { chunkSize: room, maxOutputLength: room }, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
}

/**
 * Gives back what has a piece of memory of its own: it lies outside V8's heap, and the collector would be called for it
 * over and over.
 */
function giveBack({ buffer, byteOffset, length }: Uint8Array): void {
  if (byteOffset === 0 && buffer.byteLength <= length + CHUNK_BYTES_MIN) releaseMemory(buffer);
}

function placesOf(content: Uint8Array, from: number, count: number): Int32Array {
  const bitWidth = content[from] ?? 0;
  if (bitWidth > 31) throw new RangeError('places in a dictionary are too wide');
  return bitWidth === 0 ? new Int32Array(count) : readRuns(content, from + 1, content.length, count, bitWidth);
}
