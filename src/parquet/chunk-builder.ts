import { assert } from '../base/assert.ts';
import { Bounds } from './bounds.ts';
import { ColumnWriter } from './column-writer.ts';
import type { PageBuffers, StoredPage } from './column-writer.ts';
import { CODEC, dataPageHeader, dictionaryPageHeader, ENCODING } from './metadata.ts';
import type { ColumnChunk } from './metadata.ts';
import type { Frame, PageCompressor } from './page-compressor.ts';
import type { ColumnPart, ParquetColumn } from './parquet.ts';
import { RepeatedColumn } from './repeated-column.ts';

/** A page that may still be under compression, and its header by the bytes that it then has. */
export interface PendingPage {
  readonly isDictionary: boolean;
  readonly rawBytes: number;
  readonly stored: Promise<Frame>;
  /** Called once it is written. */
  readonly release?: (() => void) | undefined;
  headerOf(storedBytes: number): Uint8Array;
}

export type ChunkPart = Omit<ColumnChunk, 'rawBytes' | 'storedBytes' | 'dataOffset' | 'dictionaryOffset'> & {
  readonly pages: readonly PendingPage[];
};

/** One column of the row group that is being filled. All its parts are repeated values, or none is. */
export class ChunkBuilder {
  readonly #column: ParquetColumn;
  readonly #plain: ColumnWriter;
  #repeated: RepeatedColumn | undefined;
  #rows = 0;
  /** Of the values, without levels and headers. */
  rawBytes = 0;

  constructor(column: ParquetColumn, compressor: PageCompressor | undefined, buffers: PageBuffers) {
    this.#column = column;
    this.#plain = new ColumnWriter(
      compressor,
      buffers,
      column.bounds ? new Bounds(column.type === 'string') : undefined,
    );
  }

  get nullCount(): number {
    return this.#plain.nullCount;
  }

  get bounds(): Bounds | undefined {
    return this.#repeated?.bounds ?? this.#plain.bounds;
  }

  async add(part: ColumnPart, from: number, to: number): Promise<void> {
    this.#rows += to - from;
    const { name, type } = this.#column;
    const value = 'repeated' in part ? part.repeated : undefined;
    if (value !== undefined && value !== null) return this.#repeat(value, to - from);
    assert(this.#repeated === undefined, `${name}: all parts are repeated, or none`);
    if ('repeated' in part) return this.#plain.nulls(to - from);
    if ('bytes' in part) {
      assert(type === 'string', `${name} takes no bytes`);
      this.rawBytes += (part.ends[to - 1] as number) - (from === 0 ? 0 : (part.ends[from - 1] as number));
      return this.#plain.texts(part, from, to);
    }
    assert((type === 'integer') === part instanceof Int32Array && type !== 'string', `${name} takes other numbers`);
    this.rawBytes += (to - from) * part.BYTES_PER_ELEMENT;
    return this.#plain.numbers(part, from, to);
  }

  #repeat(value: string | number | bigint, rows: number): void {
    const { name, type } = this.#column;
    assert(this.#repeated !== undefined || this.#rows === rows, `${name}: all parts are repeated, or none`);
    this.#repeated ??= new RepeatedColumn(type);
    this.#repeated.add(value, rows);
  }

  async end(): Promise<ChunkPart> {
    return this.#repeated === undefined ? this.#endPlain() : this.#endRepeated(this.#repeated);
  }

  async #endPlain(): Promise<ChunkPart> {
    const { compressed, pages } = await this.#plain.end();
    return {
      ...this.#described(),
      codec: compressed ? CODEC.zstd : CODEC.none,
      encodings: [ENCODING.plain, ENCODING.rle],
      pages: pages.map((page) => dataPage(page, ENCODING.plain)),
    };
  }

  #endRepeated(repeated: RepeatedColumn): ChunkPart {
    const dictionary = repeated.dictionaryPage();
    const rawBytes = dictionary.length;
    const values = repeated.valueCount;
    const data = repeated.dataPage();
    return {
      ...this.#described(),
      codec: CODEC.none,
      encodings: [ENCODING.plain, ENCODING.rle, ENCODING.dictionary],
      pages: [
        {
          isDictionary: true,
          rawBytes,
          stored: Promise.resolve([dictionary]),
          headerOf: (storedBytes) => dictionaryPageHeader({ rawBytes, storedBytes, values }),
        },
        dataPage({ rows: this.#rows, rawBytes: data.length, stored: Promise.resolve([data]) }, ENCODING.dictionary),
      ],
    };
  }

  #described(): Pick<ChunkPart, 'rows' | 'nullCount' | 'least' | 'greatest'> {
    const { least, greatest } = this.#column.bounds ? (this.bounds ?? new Bounds(true)) : new Bounds(true);
    return { rows: this.#rows, nullCount: this.nullCount, least, greatest };
  }
}

function dataPage({ rows, rawBytes, stored, release }: StoredPage, encoding: number): PendingPage {
  return {
    isDictionary: false,
    rawBytes,
    stored,
    release,
    headerOf: (storedBytes) => dataPageHeader({ rawBytes, storedBytes, values: rows }, encoding),
  };
}
