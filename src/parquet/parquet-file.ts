import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { assert, present } from '../base/assert.ts';
import { Bounds, numberOf } from './bounds.ts';
import { GROUP_ROWS_MAX, PageBuffers } from './column-writer.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import type { ChunkPart } from './chunk-builder.ts';
import { footer, MAGIC } from './metadata.ts';
import type { ColumnChunk, RowGroup } from './metadata.ts';
import { PageCompressor } from './page-compressor.ts';
import type { ColumnBounds, GrowingParquetFile, ParquetColumn, ParquetRows, WrittenFile } from './parquet.ts';

/** Raw bytes of a row group: what a reader has to take at once, and what waits here until it is written. */
const GROUP_BYTES_MAX = 24 * 1024 * 1024;
/** The same of pages that are stored as they are, which take as much memory while they wait. */
const PLAIN_GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Parts are joined up to this size before they are written. */
const WRITE_BYTES = 1024 * 1024;

/** See the door. */
export class ParquetFile implements GrowingParquetFile {
  rowCount = 0;
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #columns: readonly ParquetColumn[];
  /** Undefined: pages are stored as they are. */
  readonly #compressor: PageCompressor | undefined;
  readonly #groupBytesMax: number;
  readonly #buffers = new PageBuffers();
  readonly #rowGroups: RowGroup[] = [];
  readonly #bounds: readonly Bounds[];
  readonly #nullCounts: number[];
  #open: readonly ChunkBuilder[];
  #openRows = 0;
  #position = 0;
  readonly #waiting = Buffer.allocUnsafeSlow(WRITE_BYTES);
  #waitingBytes = 0;

  static async create(file: string, columns: readonly ParquetColumn[], compressed: boolean): Promise<ParquetFile> {
    return new ParquetFile(file, await open(file, 'wx'), columns, compressed);
  }

  private constructor(file: string, handle: FileHandle, columns: readonly ParquetColumn[], compressed: boolean) {
    this.#file = file;
    this.#handle = handle;
    this.#columns = columns;
    this.#compressor = compressed ? new PageCompressor() : undefined;
    this.#groupBytesMax = compressed ? GROUP_BYTES_MAX : PLAIN_GROUP_BYTES_MAX;
    this.#bounds = columns.map(({ type }) => new Bounds(type === 'string'));
    this.#nullCounts = columns.map(() => 0);
    this.#open = this.#newGroup();
    this.#waiting.set(MAGIC);
    this.#waitingBytes = this.#position = MAGIC.length;
  }

  async append({ count, columns }: ParquetRows): Promise<void> {
    assert(columns.length === this.#columns.length, 'rows have the columns of the file');
    for (let from = 0; from < count;) {
      const to = Math.min(count, from + GROUP_ROWS_MAX - this.#openRows);
      for (const [index, part] of columns.entries()) await present(this.#open[index], 'column').add(part, from, to);
      this.#openRows += to - from;
      this.rowCount += to - from;
      from = to;
      if (this.#openRows === GROUP_ROWS_MAX || this.#openBytes() >= this.#groupBytesMax) await this.#endGroup();
    }
  }

  async close(): Promise<WrittenFile> {
    if (this.#openRows > 0) await this.#endGroup();
    await this.#put(footer(this.#columns, this.#rowGroups));
    await this.#write();
    await this.#compressor?.close();
    await this.#handle.close();
    this.#buffers.discard();
    const columns = this.#columns.map((column, index) => [column.name, this.#boundsOf(column, index)] as const);
    return { rowCount: this.rowCount, sizeBytes: this.#position, columns: new Map(columns) };
  }

  async discard(): Promise<void> {
    await this.#compressor?.close();
    // Closed already where the file was ended.
    await this.#handle.close().catch(() => {});
    await rm(this.#file, { force: true });
  }

  #newGroup(): readonly ChunkBuilder[] {
    return this.#columns.map((column) => new ChunkBuilder(column, this.#compressor, this.#buffers));
  }

  #openBytes(): number {
    return this.#open.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
  }

  async #endGroup(): Promise<void> {
    const chunks: ColumnChunk[] = [];
    const ended = this.#open;
    for (const [index, builder] of ended.entries()) {
      const parts = await builder.end();
      chunks.push(await this.#place(parts));
      this.#nullCounts[index] = (this.#nullCounts[index] as number) + builder.nullCount;
      if (builder.bounds !== undefined) present(this.#bounds[index], 'bounds').join(builder.bounds);
    }
    // All pages are copied to what is written, and those of the next group are not begun.
    this.#compressor?.forget();
    this.#rowGroups.push({ rows: this.#openRows, chunks });
    this.#open = this.#newGroup();
    this.#openRows = 0;
  }

  /** Writes the pages of a chunk one behind the other. */
  async #place({ pages, ...chunk }: ChunkPart): Promise<ColumnChunk> {
    let [rawBytes, storedBytes] = [0, 0];
    let dataOffset: number | undefined;
    let dictionaryOffset: number | undefined;
    for (const { headerOf, isDictionary, rawBytes: raw, stored, release } of pages) {
      const pieces = await stored;
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const header = headerOf(length);
      if (isDictionary) dictionaryOffset = this.#position;
      else dataOffset ??= this.#position;
      await this.#put(header);
      for (const piece of pieces) await this.#put(piece);
      release?.();
      rawBytes += header.length + raw;
      storedBytes += header.length + length;
    }
    return { ...chunk, rawBytes, storedBytes, dataOffset: present(dataOffset, 'a data page'), dictionaryOffset };
  }

  async #put(bytes: Uint8Array): Promise<void> {
    this.#position += bytes.length;
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + WRITE_BYTES - this.#waitingBytes);
      this.#waiting.set(part, this.#waitingBytes);
      this.#waitingBytes += part.length;
      from += part.length;
      if (this.#waitingBytes === WRITE_BYTES) await this.#write();
    }
  }

  async #write(): Promise<void> {
    await this.#handle.writeFile(this.#waiting.subarray(0, this.#waitingBytes));
    this.#waitingBytes = 0;
  }

  #boundsOf({ type, bounds }: ParquetColumn, index: number): ColumnBounds {
    const nullCount = this.#nullCounts[index] as number;
    const { least, greatest } = present(this.#bounds[index], 'bounds');
    if (!bounds || least === undefined || greatest === undefined) {
      return { least: undefined, greatest: undefined, nullCount };
    }
    const valueOf = (value: Uint8Array): bigint | string =>
      type === 'string' ? Buffer.from(value).toString('utf8') : numberOf(value);
    return { least: valueOf(least), greatest: valueOf(greatest), nullCount };
  }
}
