import type { ParquetColumn, ParquetType } from './parquet.ts';
import { ThriftWriter } from './thrift-writer.ts';

// Numbers of parquet.thrift (apache/parquet-format).
const PHYSICAL = { integer: 1, long: 2, timestamp: 2, decimal: 2, string: 6 } as const;
const CONVERTED = { string: 0, decimal: 5, timestamp: 10, integer: 17, long: 18 } as const;
const DECIMAL = /^decimal\((\d+),(\d+)\)$/;
const OPTIONAL = 1;
const PAGE = { data: 0, dictionary: 2 } as const;
export const ENCODING = { plain: 0, rle: 3, dictionary: 8 } as const;
export const CODEC = { none: 0, zstd: 6 } as const;
/** A longer bound is left out of the footer: a cut one would have to be told as inexact. */
const FOOTER_BOUND_BYTES_MAX = 64;

/** In the form that parquet-java parses: its version is that of this writer, not of the package. */
const CREATED_BY = 'Sluice version 1';

export const MAGIC = Buffer.from('PAR1');

export interface PageSizes {
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly values: number;
}

export function dataPageHeader({ rawBytes, storedBytes, values }: PageSizes, encoding: number): Buffer {
  const header = new ThriftWriter().begin().i32(1, PAGE.data).i32(2, rawBytes).i32(3, storedBytes);
  header.begin(5).i32(1, values).i32(2, encoding).i32(3, ENCODING.rle).i32(4, ENCODING.rle).end();
  return header.end().finish();
}

export function dictionaryPageHeader({ rawBytes, storedBytes, values }: PageSizes): Buffer {
  const header = new ThriftWriter().begin().i32(1, PAGE.dictionary).i32(2, rawBytes).i32(3, storedBytes);
  return header.begin(7).i32(1, values).i32(2, ENCODING.plain).end().end().finish();
}

/** One column of one row group, once it stands in the file. */
export interface ColumnChunk {
  readonly codec: number;
  readonly encodings: readonly number[];
  readonly rows: number;
  /** With page headers. */
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly dataOffset: number;
  readonly dictionaryOffset: number | undefined;
  readonly nullCount: number;
  /** As PLAIN has them, without length. */
  readonly least: Uint8Array | undefined;
  readonly greatest: Uint8Array | undefined;
}

export interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly ColumnChunk[];
}

/** The footer with its length and the magic after it. */
export function footer(columns: readonly ParquetColumn[], rowGroups: readonly RowGroup[]): Buffer {
  const meta = new ThriftWriter().begin().i32(1, 1);
  meta
    .list(2, 'struct', columns.length + 1)
    .begin()
    .binary(4, 'schema')
    .i32(5, columns.length)
    .end();
  for (const column of columns) schemaElement(meta, column);
  meta
    .i64(
      3,
      rowGroups.reduce((sum, group) => sum + group.rows, 0),
    )
    .list(4, 'struct', rowGroups.length);
  for (const group of rowGroups) rowGroup(meta, columns, group);
  meta.binary(6, CREATED_BY).list(7, 'struct', columns.length);
  // The order of the type itself: without it no reader trusts the bounds.
  for (const _ of columns) meta.begin().begin(1).end().end();
  const bytes = meta.end().finish();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([bytes, length, MAGIC]);
}

function schemaElement(meta: ThriftWriter, { name, type }: ParquetColumn): void {
  const kind = kindOf(type);
  meta.begin().i32(1, PHYSICAL[kind]).i32(3, OPTIONAL).binary(4, name).i32(6, CONVERTED[kind]);
  const [precision, scale] = DECIMAL.exec(type)?.slice(1).map(Number) ?? [];
  if (precision !== undefined && scale !== undefined) meta.i32(7, scale).i32(8, precision);
  meta.begin(10);
  if (precision !== undefined && scale !== undefined) meta.begin(5).i32(1, scale).i32(2, precision).end();
  else logicalType(meta, type);
  meta.end().end();
}

function kindOf(type: ParquetType): keyof typeof PHYSICAL {
  return type in PHYSICAL ? (type as keyof typeof PHYSICAL) : 'decimal';
}

function logicalType(meta: ThriftWriter, type: ParquetType): void {
  if (type === 'string') meta.begin(1).end();
  // Adjusted to UTC, microseconds.
  else if (type === 'timestamp') meta.begin(8).bool(1, true).begin(2).begin(2).end().end().end();
  else
    meta
      .begin(10)
      .byte(1, type === 'long' ? 64 : 32)
      .bool(2, true)
      .end();
}

function rowGroup(meta: ThriftWriter, columns: readonly ParquetColumn[], { rows, chunks }: RowGroup): void {
  meta.begin().list(1, 'struct', chunks.length);
  for (const [index, chunk] of chunks.entries()) {
    const column = columns[index] as ParquetColumn;
    meta.begin().i64(2, 0).begin(3);
    columnMetadata(meta, column, chunk);
    meta.end().end();
  }
  meta
    .i64(
      2,
      chunks.reduce((sum, chunk) => sum + chunk.rawBytes, 0),
    )
    .i64(3, rows);
  const first = chunks[0];
  if (first !== undefined) meta.i64(5, first.dictionaryOffset ?? first.dataOffset);
  meta
    .i64(
      6,
      chunks.reduce((sum, chunk) => sum + chunk.storedBytes, 0),
    )
    .end();
}

function columnMetadata(meta: ThriftWriter, column: ParquetColumn, chunk: ColumnChunk): void {
  meta.i32(1, PHYSICAL[kindOf(column.type)]).list(2, 'i32', chunk.encodings.length);
  for (const encoding of chunk.encodings) meta.zigzag(encoding);
  meta.list(3, 'binary', 1).bytes(column.name);
  meta.i32(4, chunk.codec).i64(5, chunk.rows).i64(6, chunk.rawBytes).i64(7, chunk.storedBytes);
  meta.i64(9, chunk.dataOffset);
  if (chunk.dictionaryOffset !== undefined) meta.i64(11, chunk.dictionaryOffset);
  meta.begin(12).i64(3, chunk.nullCount);
  const { least, greatest } = chunk;
  if (isShort(least) && isShort(greatest)) {
    meta.binary(5, greatest).binary(6, least).bool(7, true).bool(8, true);
  }
  meta.end();
}

function isShort(bound: Uint8Array | undefined): bound is Uint8Array {
  return bound !== undefined && bound.length <= FOOTER_BOUND_BYTES_MAX;
}
