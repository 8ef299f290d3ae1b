import { isUtf8 } from 'node:buffer';
import type { DuckDBType } from '@duckdb/node-api';
import { areUtf8, valueAt } from '../base/byte-column.ts';
import type { ByteColumn } from '../base/byte-column.ts';
import type { ColumnKind, ColumnRows, Database, HeldRows, SourceColumn } from './duckdb.ts';

/** The driver's own layer, for the few calls that the library above it has no name for. */
interface Bindings {
  data_chunk_set_size(chunk: unknown, size: number): void;
  data_chunk_get_vector(chunk: unknown, index: number): unknown;
  copy_data_to_vector(vector: unknown, offset: number, source: ArrayBufferLike, start: number, bytes: number): void;
  copy_data_to_vector_validity(
    vector: unknown,
    offset: number,
    source: ArrayBufferLike,
    start: number,
    bytes: number,
  ): void;
  vector_ensure_validity_writable(vector: unknown): void;
  vector_assign_string_element_len(vector: unknown, row: number, data: Uint8Array): void;
}

/** Rows of one DuckDB chunk. */
const CHUNK_ROWS_MAX = 2_048;
const EMPTY = Buffer.alloc(0);

interface Scan {
  readonly groups: readonly ColumnRows[];
  readonly columns: readonly number[];
  group: number;
  row: number;
}

/** All rows held in this process: an id is good for whichever function it is given to. */
const heldRows = new Map<bigint, readonly ColumnRows[]>();
let nextId = 1n;

const HELD_ROWS: HeldRows = {
  hold(groups) {
    heldRows.set(nextId, groups);
    return nextId++;
  },
  release(id) {
    heldRows.delete(id);
  },
};

/** See the door. */
export async function defineColumnSource(
  database: Database,
  name: string,
  columns: readonly SourceColumn[],
): Promise<HeldRows> {
  const driver = await import('@duckdb/node-api');
  const { default: bindings } = await import('@duckdb/node-bindings');
  const types: Readonly<Record<ColumnKind, DuckDBType>> = {
    text: driver.VARCHAR,
    integer: driver.INTEGER,
    long: driver.BIGINT,
    timestamp: driver.TIMESTAMPTZ,
  };
  const tableFunction = driver.DuckDBTableFunction.create({
    name,
    parameterTypes: [driver.BIGINT],
    supportsProjectionPushdown: true,
    bindFunction(info) {
      const groups = heldRows.get(info.getParameter(0) as bigint);
      // An exception must not cross the native code.
      if (groups === undefined) return info.setError(`${name}: no rows are held under this id`);
      for (const column of columns) info.addResultColumn(column.name, types[column.kind]);
      const rows = groups.reduce((sum, group) => sum + group.count, 0);
      info.setCardinality(rows, true);
      info.setBindData({ groups });
    },
    initFunction(info) {
      const { groups } = info.getBindData() as { groups: readonly ColumnRows[] };
      info.setMaxThreads(1);
      info.setInitData({ groups, columns: info.getColumnIndexes(), group: 0, row: 0 } satisfies Scan);
    },
    mainFunction(info, output) {
      try {
        fill(bindings, info.getInitData() as Scan, output.chunk);
      } catch (error) {
        info.setError(String(error));
      }
    },
  });
  database.connection.registerTableFunction(tableFunction);
  return HELD_ROWS;
}

/** One chunk: rows of one group. An empty one ends the scan. */
function fill(bindings: Bindings, scan: Scan, chunk: unknown): void {
  while (scan.group < scan.groups.length && scan.row === (scan.groups[scan.group] as ColumnRows).count) {
    scan.group++;
    scan.row = 0;
  }
  const group = scan.groups[scan.group];
  const count = group === undefined ? 0 : Math.min(CHUNK_ROWS_MAX, group.count - scan.row);
  bindings.data_chunk_set_size(chunk, count);
  if (group === undefined) return;
  scan.columns.forEach((index, position) => {
    const values = group.columns[index];
    // The row number, which DuckDB asks for where it needs no column at all, is no column of ours.
    if (values === undefined) return;
    const vector = bindings.data_chunk_get_vector(chunk, position);
    if ('bytes' in values) fillTexts(bindings, vector, values, scan.row, count);
    else {
      const width = values.BYTES_PER_ELEMENT;
      const start = values.byteOffset + scan.row * width;
      bindings.copy_data_to_vector(vector, 0, values.buffer, start, count * width);
    }
  });
  scan.row += count;
}

function fillTexts(bindings: Bindings, vector: unknown, column: ByteColumn, first: number, count: number): void {
  const { nulls } = column;
  const sound = areUtf8(column, first, count);
  const valid = nulls === undefined ? undefined : validityOf(nulls, first, count);
  for (let i = 0; i < count; i++) {
    const value = valueAt(column, first + i);
    if (value === undefined) continue;
    const bytes = value.length === 0 ? EMPTY : value;
    bindings.vector_assign_string_element_len(vector, i, sound ? bytes : asText(bytes));
  }
  if (valid === undefined) return;
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, valid.buffer, 0, valid.byteLength);
}

/** DuckDB makes NULL of bytes that are no UTF-8, without a word: here they become replacement characters. */
function asText(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : Buffer.from(Buffer.from(bytes).toString('utf8'));
}

/** One bit a row, 1 for a value; whole words of 64. */
function validityOf(nulls: Uint8Array, first: number, count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 64) * 8).fill(0xff);
  for (let i = 0; i < count; i++) {
    if (nulls[first + i] === 1) bits[i >> 3] = (bits[i >> 3] as number) & ~(1 << (i & 7));
  }
  return bits;
}
