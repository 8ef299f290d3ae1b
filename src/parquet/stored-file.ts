import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ColumnMetaData, FileMetaData, SchemaElement } from 'hyparquet';
import { ColumnPages, READABLE_CODECS, READABLE_ENCODINGS } from './column-pages.ts';
import { asCorrupt, readFooter, readFully } from './footer.ts';
import type { ParquetType, StoredColumn, StoredFile, StoredRows } from './parquet.ts';

const PHYSICAL: Readonly<Record<string, string>> = {
  string: 'BYTE_ARRAY',
  long: 'INT64',
  timestamp: 'INT64',
  integer: 'INT32',
};

interface Column extends StoredColumn {
  /** Among the leaves of the file. */
  readonly leaf: number;
  readonly optional: boolean;
}

/** See the door. */
export async function openStoredFile(file: string, columns: readonly StoredColumn[]): Promise<StoredFile | undefined> {
  const handle = await open(file);
  try {
    const metadata = await asCorrupt(file, () => readFooter(handle));
    const found = columns.map((column) => columnOf(metadata.schema, column));
    if (found.every((column) => column !== undefined) && isReadable(metadata, found)) {
      return new RowGroups(file, handle, metadata, found);
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

class RowGroups implements StoredFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #metadata: FileMetaData;
  readonly #columns: readonly Column[];

  constructor(file: string, handle: FileHandle, metadata: FileMetaData, columns: readonly Column[]) {
    this.#file = file;
    this.#handle = handle;
    this.#metadata = metadata;
    this.#columns = columns;
  }

  async *rows(): AsyncGenerator<StoredRows> {
    for (const { columns, num_rows: rowCount } of this.#metadata.row_groups) {
      const rows = Number(rowCount);
      const pages = await asCorrupt(this.#file, () =>
        Promise.all(this.#columns.map((column) => this.#pagesOf(column, columns[column.leaf]?.meta_data, rows))),
      );
      for (let taken = 0; taken < rows;) {
        const count = Math.min(
          rows - taken,
          ...(await asCorrupt(this.#file, () => Promise.all(pages.map((column) => column.open())))),
        );
        yield { count, columns: pages.map((column) => column.take(count)) };
        taken += count;
      }
      for (const column of pages) column.close();
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #pagesOf(column: Column, chunk: ColumnMetaData | undefined, rows: number): Promise<ColumnPages> {
    if (chunk === undefined || Number(chunk.num_values) !== rows) throw new RangeError('a row group lacks a column');
    // Some writers have a dictionary at 0 where they mean none.
    const from = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const bytes = await readFully(this.#handle, from, Number(chunk.total_compressed_size));
    const codec = chunk.codec as (typeof READABLE_CODECS)[number];
    return new ColumnPages({ type: column.type, codec, optional: column.optional, rows, bytes });
  }
}

/** The leaf of this name and type that stands at the root of the schema. */
function columnOf(schema: readonly SchemaElement[], { name, type }: StoredColumn): Column | undefined {
  const leaves = schema.filter((element) => element.num_children === undefined);
  // With nested columns leaves are not the columns of the file.
  if (leaves.length !== schema.length - 1) return undefined;
  const leaf = leaves.findIndex((element) => element.name === name);
  const element = leaves[leaf];
  if (element === undefined || element.type !== PHYSICAL[type] || element.repetition_type === 'REPEATED') {
    return undefined;
  }
  return isOfType(element, type) ? { name, type, leaf, optional: element.repetition_type === 'OPTIONAL' } : undefined;
}

function isOfType({ converted_type: converted, logical_type: logical }: SchemaElement, type: ParquetType): boolean {
  if (type === 'string') return converted === 'UTF8' || logical?.type === 'STRING';
  if (type === 'timestamp') {
    return converted === 'TIMESTAMP_MICROS' || (logical?.type === 'TIMESTAMP' && logical.unit === 'MICROS');
  }
  const plain = converted === undefined && logical === undefined;
  return plain || converted === (type === 'integer' ? 'INT_32' : 'INT_64');
}

function isReadable({ row_groups: groups }: FileMetaData, columns: readonly Column[]): boolean {
  const has = (list: readonly string[], value: string): boolean => list.includes(value);
  return groups.every((group) =>
    columns.every(({ leaf }) => {
      const chunk = group.columns[leaf];
      const stored = chunk?.file_path === undefined ? chunk?.meta_data : undefined;
      return (
        stored !== undefined &&
        has(READABLE_CODECS, stored.codec) &&
        stored.encodings.every((encoding) => has(READABLE_ENCODINGS, encoding))
      );
    }),
  );
}
