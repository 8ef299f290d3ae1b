import type { FileMetaData } from 'hyparquet';
import type { ByteColumn } from '../base/byte-column.ts';
import { parseFooter } from './footer.ts';
import { readNestedLeaves as readLeaves } from './nested-leaves.ts';
import { ParquetFile } from './parquet-file.ts';
import { openStoredFile } from './stored-file.ts';
import * as snappy from './snappy.ts';
import * as bounds from './text-bounds.ts';

/**
 * Writes Parquet files of flat columns that stand in memory as typed arrays, without a row object and without DuckDB.
 *
 * Columns of numbers and of length-prefixed bytes are PLAIN pages already: they are copied together up to a page's
 * size and compressed (zstd, level 1) on libuv's threads while the caller goes on. A column that is the same for many
 * rows is a dictionary and runs. Pages wait, compressed, until their row group is full; so small appends make neither
 * small pages nor small row groups. Every column is optional, as readers of Delta expect, and has its null count and,
 * where asked, exact bounds. Nothing is synced: who makes the file durable is who puts it in its place.
 */
export type ParquetType = 'string' | 'long' | 'integer' | 'timestamp' | `decimal(${number},${number})`;

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** Whether its least and greatest value are told. */
  readonly bounds: boolean;
}

/** The one value of all rows of a part. */
export interface RepeatedValue {
  /** Null: no row has a value. */
  readonly repeated: string | number | bigint | null;
}

/**
 * Rows of one column. Strings must be UTF-8; `long` and `timestamp` (microseconds since 1970-01-01T00:00:00Z) stand
 * in a BigInt64Array, so does a decimal of up to 18 digits without its point, `integer` in an Int32Array. Only strings
 * and repeated values can be null.
 */
export type ColumnPart = ByteColumn | BigInt64Array | Int32Array | RepeatedValue;

/** `count` rows of the file's columns, in their order; the arrays may be longer. */
export interface ParquetRows {
  readonly count: number;
  readonly columns: readonly ColumnPart[];
}

/**
 * Exact, decimals without their point, strings in UTF-8's order; both undefined where the column has no value or was
 * not asked for its bounds.
 */
export interface ColumnBounds {
  readonly least: bigint | string | undefined;
  readonly greatest: bigint | string | undefined;
  readonly nullCount: number;
}

export interface WrittenFile {
  readonly rowCount: number;
  readonly sizeBytes: number;
  readonly columns: ReadonlyMap<string, ColumnBounds>;
}

/** A file that is being written. After an error, or where it is not wanted any more: `discard`. */
export interface GrowingParquetFile {
  readonly rowCount: number;
  /** Takes the rows; the arrays may change once it has resolved. One call at a time. */
  append(rows: ParquetRows): Promise<void>;
  /** Ends the file with its footer. */
  close(): Promise<WrittenFile>;
  /** Stops what is going on and removes the file. */
  discard(): Promise<void>;
}

export interface WriteOptions {
  /** Whether pages are compressed; true. */
  readonly compressed?: boolean;
}

/** Creates the file, which must not exist. */
export function createParquetFile(
  file: string,
  columns: readonly ParquetColumn[],
  { compressed = true }: WriteOptions = {},
): Promise<GrowingParquetFile> {
  return ParquetFile.create(file, columns, compressed);
}

export type StoredColumn = Pick<ParquetColumn, 'name' | 'type'>;

/** The text of row i is `bytes.subarray(starts[first + i], ends[first + i])`, null where `nulls?.[first + i] === 1`. */
export interface TextValues {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly nulls: Uint8Array | undefined;
  readonly first: number;
}

/** The number of row i is `values[first + i]`, null where `nulls?.[first + i] === 1`. */
export interface NumberValues {
  readonly values: BigInt64Array | Int32Array;
  readonly nulls: Uint8Array | undefined;
  readonly first: number;
}

export type StoredValues = TextValues | NumberValues;

/** `count` rows, in the order of the columns asked for; good until the next ones are asked for. */
export interface StoredRows {
  readonly count: number;
  readonly columns: readonly StoredValues[];
}

export interface StoredFile {
  /** All rows in order, as many at once as lie together. Throws `table_corrupt`. */
  rows(): AsyncGenerator<StoredRows>;
  close(): Promise<void>;
}

/**
 * Opens the file to read those columns of it straight from their pages. Undefined where they are there in another form
 * than what Sluice, DuckDB without dictionaries, or most others write: PLAIN or dictionaries, as they are, zstd or
 * snappy, flat, texts and numbers of 32 and 64 bits. Throws `table_corrupt`.
 */
export function openParquetFile(file: string, columns: readonly StoredColumn[]): Promise<StoredFile | undefined> {
  return openStoredFile(file, columns);
}

/** Integers beyond 2^53 are rounded. */
export type LeafValue = string | number | boolean;

/** A leaf of a row group whose columns are nested, slot by slot: in a list that is empty or null a row has one too. */
export interface NestedLeaf {
  /** From the root: `['add', 'partitionValues', 'key_value', 'key']`. */
  readonly path: readonly string[];
  /** The level of a slot with a value, and that from which a repeated group, where there is one, has an element. */
  readonly definitionMax: number;
  readonly repeatedAt: number;
  /** 0 or 1. */
  readonly repetitionMax: number;
  readonly definitions: Int32Array;
  /** 0 where a row begins. */
  readonly repetitions: Int32Array;
  /** Of the slots that have one, in order. */
  readonly values: readonly LeafValue[];
}

export interface NestedGroup {
  readonly rows: number;
  readonly leaves: readonly NestedLeaf[];
}

/**
 * Reads those leaves of a small file in memory, row group by row group: texts, flags and whole numbers, repeated once
 * at most. Undefined where one is stored otherwise than PLAIN or in dictionaries, zstd, snappy or as they are. Throws a
 * RangeError, or what the footer's parser throws, where the bytes are no such file.
 */
export function readNestedLeaves(
  file: ArrayBuffer,
  isWanted: (path: readonly string[]) => boolean,
): NestedGroup[] | undefined {
  return readLeaves(file, isWanted);
}

/** A block of snappy's raw format, which has so many bytes. Throws a RangeError where it is none. */
export function unsnappy(stored: Uint8Array, rawBytes: number): Uint8Array {
  return snappy.unsnappy(stored, rawBytes);
}

/** The footer of a file in memory. Throws what hyparquet throws, or a RangeError. */
export function readMetadata(file: ArrayBuffer): FileMetaData {
  return parseFooter(file);
}

/** Undefined: no value has any, or a row group does not tell them. */
export interface TextBounds {
  readonly least: string | undefined;
  readonly greatest: string | undefined;
}

/**
 * The least and greatest text (in UTF-8's order) of each column of byte arrays, by the file's footer. Throws
 * `table_corrupt`.
 */
export function readTextBounds(file: string): Promise<ReadonlyMap<string, TextBounds>> {
  return bounds.readTextBounds(file);
}
