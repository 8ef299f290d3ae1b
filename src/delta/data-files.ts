import { rm, stat } from 'node:fs/promises';
import type { TableContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { SluiceError } from '../base/errors.ts';
import type { Database, Parameters } from '../duckdb/duckdb.ts';
import { readTextBounds } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { DataFile, TableLocation, WriteOptions } from './delta.ts';
import { encodedPath, newFilePath, type PartitionValues } from './partition-path.ts';
import { quotedName, quotedPath } from './sql-text.ts';
import { statisticsText, type ColumnStatistics } from './statistics.ts';
import { dataColumns, duckdbType } from './table-schema.ts';

const limits = {
  /** Uploads running beside the writing of the next file. */
  uploadsAtOnce: 4,
  /** Values of a column chunk's dictionary: names and codes have fewer, keys more. */
  dictionaryValuesMax: 1000,
  chunkRows: 2_048,
} as const;

/** See the door. */
export async function writeFiles(
  database: Database,
  location: TableLocation,
  contract: TableContract,
  relation: string,
  scratch: Scratch,
  signal: AbortSignal,
  options: WriteOptions = {},
): Promise<DataFile[]> {
  if (options.columnsChecked !== true) await checkColumns(database, location, contract, relation);
  const together = options.together === true && contract.partitionColumns.length > 0;
  const folder = scratch.newFile('');
  const copies = together
    ? copyTogether(database, contract, relation, folder, signal, options)
    : copyInTurn(database, contract, relation, scratch, signal, options);
  const uploads: Promise<DataFile>[] = [];
  try {
    for await (const { localFile, values, result } of copies) {
      const path = newFilePath(contract, values);
      await options.onWritten?.(localFile, Number(result.count), encodedPath(path));
      const upload = finished(location, contract, { localFile, path, values }, result, signal);
      // Awaited in order below; until then a failure must not count as unhandled.
      upload.catch(() => {});
      uploads.push(upload);
      await uploads.at(-limits.uploadsAtOnce);
    }
    return await Promise.all(uploads);
  } finally {
    await Promise.allSettled(uploads);
    if (together) await rm(folder, { recursive: true, force: true });
  }
}

/** A data file on this machine, and what DuckDB tells of it. */
interface CopiedFile {
  readonly localFile: string;
  readonly values: PartitionValues;
  readonly result: CopyResult;
}

/** A statement a partition value, in the order of the relation. */
async function* copyInTurn(
  database: Database,
  contract: TableContract,
  relation: string,
  scratch: Scratch,
  signal: AbortSignal,
  options: WriteOptions,
): AsyncGenerator<CopiedFile> {
  const { partition } = options;
  const partitions = partition === undefined ? await partitionsOf(database, contract, relation) : [partition];
  for (const values of partitions) {
    signal.throwIfAborted();
    // All rows have the one value there is: nothing to choose by.
    const { sql, parameters } = fileQuery(contract, relation, partitions.length === 1 ? undefined : values);
    const localFile = scratch.newFile('.parquet');
    const copy = `COPY (${sql}) TO $file (${copyOptions(options)})`;
    const [result] = await database.rows<CopyResult>(copy, { ...parameters, file: localFile }, signal);
    // No row at all writes no statistics in some versions, and a file of no rows in others.
    if (result !== undefined && result.count > 0n) yield { localFile, values, result };
    else await rm(localFile, { force: true });
  }
}

/** One statement for all partition values, which DuckDB holds side by side; its files stand in the folder. */
async function* copyTogether(
  database: Database,
  contract: TableContract,
  relation: string,
  folder: string,
  signal: AbortSignal,
  options: WriteOptions,
): AsyncGenerator<CopiedFile> {
  const names = [...dataColumns(contract).map(({ name }) => name), ...contract.partitionColumns];
  const query = `SELECT ${names.map(quotedName).join(', ')} FROM ${quotedPath(relation)}`;
  const by = contract.partitionColumns.map(quotedName).join(', ');
  const copy = `COPY (${query}) TO $folder (${copyOptions(options)}, PARTITION_BY (${by}))`;
  for (const result of await database.rows<PartitionCopyResult>(copy, { folder }, signal)) {
    yield { localFile: result.filename, values: Object.fromEntries(result.partition_keys), result };
  }
}

function copyOptions({ dictionaries = true, rowGroupRows }: WriteOptions): string {
  // Of values that differ each, DuckDB builds a dictionary only to throw it away, the sooner the better.
  const limit = `, DICTIONARY_SIZE_LIMIT ${dictionaries ? limits.dictionaryValuesMax : 1}`;
  const group = rowGroupRows === undefined ? '' : `, ROW_GROUP_SIZE ${wholeChunks(rowGroupRows)}`;
  return `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, RETURN_STATS${limit}${group}`;
}

export interface WrittenFile {
  readonly localFile: string;
  /** Below the table's root. */
  readonly path: string;
  readonly rows: number;
  readonly values: PartitionValues;
  readonly statistics: string;
}

/** See the door. */
export async function checkColumns(
  database: Database,
  location: TableLocation,
  contract: TableContract,
  relation: string,
): Promise<void> {
  const rows = await database.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${quotedPath(relation)}`);
  const found = new Map(rows.map((row) => [row.column_name, row.column_type]));
  const wrong = contract.columns
    .filter(({ name, type }) => found.get(name) !== duckdbType(type))
    .map(({ name, type }) => `${name} is ${found.get(name) ?? 'absent'}, not ${duckdbType(type)}`);
  if (wrong.length === 0) return;
  const message = `rows for ${location.root} differ from its contract: ${wrong.join('; ')}`;
  throw new SluiceError('internal', message, { context: { table: location.root } });
}

async function partitionsOf(database: Database, contract: TableContract, relation: string): Promise<PartitionValues[]> {
  if (contract.partitionColumns.length === 0) return [{}];
  const names = contract.partitionColumns.map(quotedName);
  const texts = names.map((name) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ');
  const sql = `SELECT DISTINCT ${texts} FROM ${quotedPath(relation)} ORDER BY ALL`;
  return database.rows<Record<string, string | null>>(sql);
}

interface FileQuery {
  readonly sql: string;
  readonly parameters: Parameters;
}

/** The rows of one file: those with these partition values, or all. */
function fileQuery(contract: TableContract, relation: string, values: PartitionValues | undefined): FileQuery {
  const columns = dataColumns(contract).map(({ name }) => quotedName(name));
  const all = `SELECT ${columns.join(', ')} FROM ${quotedPath(relation)}`;
  if (values === undefined) return { sql: all, parameters: {} };
  const typeOf = new Map(contract.columns.map(({ name, type }) => [name, duckdbType(type)]));
  const conditions = contract.partitionColumns.map(
    (column, index) => `${quotedName(column)} IS NOT DISTINCT FROM CAST($value${index} AS ${typeOf.get(column)})`,
  );
  const parameters = Object.fromEntries(
    contract.partitionColumns.map((column, index) => [`value${index}`, values[column] ?? null] as const),
  );
  return { sql: `${all} WHERE ${conditions.join(' AND ')}`, parameters };
}

/** Gathers the statistics of a file that is written and uploads it, beside the writing of the next one. */
async function finished(
  location: TableLocation,
  contract: TableContract,
  file: Pick<WrittenFile, 'localFile' | 'path' | 'values'>,
  result: CopyResult,
  signal: AbortSignal,
): Promise<DataFile> {
  const found = await columnStatistics(result, file.localFile);
  const statistics = statisticsText(contract, result.count, found);
  return uploadFile(location, contract, { ...file, rows: Number(result.count), statistics }, signal);
}

/** DuckDB ends a row group with the chunk that fills it: it would round up. */
function wholeChunks(rows: number): number {
  return Math.max(limits.chunkRows, rows - (rows % limits.chunkRows));
}

interface CopyResult extends Record<string, unknown> {
  readonly count: bigint;
  readonly column_statistics: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

interface PartitionCopyResult extends CopyResult {
  readonly filename: string;
  readonly partition_keys: ReadonlyMap<string, string | null>;
}

async function columnStatistics(result: CopyResult, localFile: string): Promise<Map<string, ColumnStatistics>> {
  // What COPY tells of texts is cut.
  const texts = await readTextBounds(localFile);
  const columns = new Map<string, ColumnStatistics>();
  for (const [quoted, values] of result.column_statistics) {
    const name = quoted.slice(1, -1).replaceAll('""', '"');
    const { least, greatest } = texts.get(name) ?? { least: values.get('min'), greatest: values.get('max') };
    const hasNaN = values.get('has_nan') === 'true';
    columns.set(name, { least, greatest, nullCount: values.get('null_count'), hasNaN });
  }
  return columns;
}

/** Uploads a local file of the table under a name that nobody else can pick, and removes it. */
export async function uploadFile(
  location: TableLocation,
  contract: TableContract,
  { localFile, path, values, statistics }: WrittenFile,
  signal: AbortSignal,
): Promise<DataFile> {
  try {
    const found = await stat(localFile);
    await location.store.upload(`${location.root}/${path}`, localFile, signal);
    return {
      path: encodedPath(path),
      partitionValues: Object.fromEntries(
        contract.partitionColumns.map((column) => [column, present(values, 'partition values')[column] ?? null]),
      ),
      sizeBytes: found.size,
      modifiedAtMs: Math.floor(found.mtimeMs),
      statistics,
    };
  } finally {
    await rm(localFile, { force: true });
  }
}
