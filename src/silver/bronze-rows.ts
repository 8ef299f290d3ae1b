import { rm } from 'node:fs/promises';
import type { TableContract } from '../../schemas/contract.ts';
import { assert, present } from '../base/assert.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { defineRelation, objectPathOf, type DataFile, type RowRange, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { openParquetFile, type StoredColumn, type StoredRows, type TextValues } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';

const plainRowsSql = sqlFile(new URL('statements/plain-rows.sql', import.meta.url));

const limits = {
  /** Of a file that is made only to be read here: one chunk of DuckDB's, since bodies may be large. */
  groupRows: 2_048,
} as const;

/** What is judged of bronze, in the order of `BronzeRows`. */
const COLUMNS: readonly StoredColumn[] = [
  { name: 'body', type: 'string' },
  { name: 'body_base64', type: 'string' },
  { name: 'partition_id', type: 'integer' },
  { name: 'sequence_number', type: 'long' },
  { name: 'enqueued_at', type: 'timestamp' },
];

/** Rows that lie together in a file; good until the next ones are asked for. */
export interface BronzeRows {
  readonly count: number;
  readonly body: TextValues;
  readonly bodyBase64: TextValues;
  readonly partitionId: Numbers<Int32Array>;
  readonly sequenceNumber: Numbers<BigInt64Array>;
  readonly enqueuedAtUs: Numbers<BigInt64Array>;
}

/** The number of row i is `values[first + i]`. */
export interface Numbers<Values> {
  readonly values: Values;
  readonly first: number;
}

/** Where files of bronze rows are read from. */
export interface BronzeSource {
  readonly table: TableLocation;
  readonly contract: TableContract;
  /** Fetched files stay as long as it does. */
  readonly scratch: Scratch;
  /** For files in a form that is not read straight from their pages. */
  readonly openDatabase: () => Promise<Database>;
}

/** The rows of a file in order, or those of a range. Throws `table_corrupt`. */
export async function* bronzeRows(
  source: BronzeSource,
  file: DataFile,
  range: RowRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<BronzeRows> {
  const { table, contract, scratch, openDatabase } = source;
  const local = await scratch.fetch(table.store, objectPathOf(table, file), signal);
  const stored = await openParquetFile(local, COLUMNS);
  if (stored !== undefined) {
    try {
      yield* within(range, stored.rows(), signal);
    } finally {
      await stored.close();
    }
    return;
  }
  const database = await (await openDatabase()).connect();
  try {
    const relation = `foreign_${scratch.newFile('').slice(-12)}`;
    await defineRelation(database, relation, table, contract, [file], scratch, signal, range && { rows: range });
    yield* relationRows(database, relation, scratch, signal);
    await database.run(`DROP VIEW ${quoted(relation)}`);
  } finally {
    database.close();
  }
}

/** The rows of a relation that has the columns of bronze, by way of a file. */
export async function* relationRows(
  database: Database,
  relation: string,
  scratch: Scratch,
  signal: AbortSignal,
): AsyncGenerator<BronzeRows> {
  const file = scratch.newFile('.parquet');
  try {
    const sql = filled(plainRowsSql, { relation: quoted(relation), rows: String(limits.groupRows) });
    await database.run(sql, { file }, signal);
    const stored = present(await openParquetFile(file, COLUMNS), 'a plain file');
    try {
      yield* within(undefined, stored.rows(), signal);
    } finally {
      await stored.close();
    }
  } finally {
    await rm(file, { force: true });
  }
}

async function* within(
  range: RowRange | undefined,
  rows: AsyncGenerator<StoredRows>,
  signal: AbortSignal,
): AsyncGenerator<BronzeRows> {
  let at = 0;
  for await (const { count, columns } of rows) {
    signal.throwIfAborted();
    const skipped = Math.min(count, Math.max(0, (range?.first ?? 0) - at));
    const end = Math.min(count, (range?.end ?? Infinity) - at);
    at += count;
    if (end > skipped) yield asBronze(columns, skipped, end - skipped);
    if (range !== undefined && at >= range.end) return;
  }
}

function asBronze(columns: StoredRows['columns'], skipped: number, count: number): BronzeRows {
  const [body, bodyBase64, partitionId, sequenceNumber, enqueuedAtUs] = columns;
  return {
    count,
    body: textsOf(body, skipped),
    bodyBase64: textsOf(bodyBase64, skipped),
    partitionId: integersOf(partitionId, skipped),
    sequenceNumber: longsOf(sequenceNumber, skipped),
    enqueuedAtUs: longsOf(enqueuedAtUs, skipped),
  };
}

type StoredColumnValues = StoredRows['columns'][number] | undefined;

function textsOf(column: StoredColumnValues, skipped: number): TextValues {
  assert(column !== undefined && 'bytes' in column, 'a column of texts');
  return { ...column, first: column.first + skipped };
}

function integersOf(column: StoredColumnValues, skipped: number): Numbers<Int32Array> {
  assert(column !== undefined && 'values' in column && column.values instanceof Int32Array, 'a column of integers');
  return { values: column.values, first: column.first + skipped };
}

function longsOf(column: StoredColumnValues, skipped: number): Numbers<BigInt64Array> {
  assert(column !== undefined && 'values' in column && column.values instanceof BigInt64Array, 'a column of longs');
  return { values: column.values, first: column.first + skipped };
}
