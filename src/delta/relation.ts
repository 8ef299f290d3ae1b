import type { Column, ColumnType, TableContract } from '../../schemas/contract.ts';
import { SluiceError } from '../base/errors.ts';
import { quotedText } from '../base/identifiers.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { DataFile, RelationOptions, TableLocation } from './delta.ts';
import { quotedName, quotedPath } from './sql-text.ts';
import { columnsCounted } from './statistics.ts';
import { dataColumns, duckdbType } from './table-schema.ts';
import { decodedPath } from './table-state.ts';

/** Files fetched at the same time. */
const FETCHES_AT_ONCE = 8;

/** See the door. */
export async function defineRelation(
  database: Database,
  name: string,
  location: TableLocation,
  contract: TableContract,
  files: Iterable<DataFile>,
  scratch: Scratch,
  signal: AbortSignal,
  options?: RelationOptions,
): Promise<void> {
  const query = await relationQuery(location, contract, files, scratch, signal, options);
  const schema = name.split('.').slice(0, -1).join('.');
  if (schema !== '') await database.run(`CREATE SCHEMA IF NOT EXISTS ${quotedPath(schema)}`);
  await database.run(`CREATE OR REPLACE VIEW ${quotedPath(name)} AS ${query}`);
}

/** See the door. */
export async function relationQuery(
  location: TableLocation,
  contract: TableContract,
  files: Iterable<DataFile>,
  scratch: Scratch,
  signal: AbortSignal,
  { fileColumn, rows }: RelationOptions = {},
): Promise<string> {
  const local = await fetchAll(location, [...files], scratch, signal);
  return local.length === 0 ? emptyQuery(contract, fileColumn) : filesQuery(contract, local, fileColumn, rows);
}

interface LocalFile {
  readonly localFile: string;
  readonly path: string;
  readonly values: DataFile['partitionValues'];
  readonly statistics: DataFile['statistics'];
}

async function fetchAll(
  location: TableLocation,
  files: readonly DataFile[],
  scratch: Scratch,
  signal: AbortSignal,
): Promise<LocalFile[]> {
  const local: LocalFile[] = [];
  for (let start = 0; start < files.length; start += FETCHES_AT_ONCE) {
    const fetched = files.slice(start, start + FETCHES_AT_ONCE).map(async (file) => ({
      localFile: await scratch.fetch(location.store, objectPath(location, file), signal),
      path: file.path,
      values: file.partitionValues,
      statistics: file.statistics,
    }));
    local.push(...(await Promise.all(fetched)));
  }
  return local;
}

/** Only files below the table's root: an absolute path is a clone's, whose files belong to another table. */
export function objectPath(location: TableLocation, file: Pick<DataFile, 'path'>): string {
  if (/^([a-z][a-z0-9+.-]*:|\/)/i.test(file.path)) {
    const message = `${location.root} refers to ${file.path}, a file outside the table, which Sluice does not read`;
    throw new SluiceError('table_unsupported', message, { context: { table: location.root, path: file.path } });
  }
  return `${location.root}/${decodedPath(file.path)}`;
}

function emptyQuery(contract: TableContract, fileColumn: string | undefined): string {
  const columns = contract.columns.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quotedName(name)}`);
  if (fileColumn !== undefined) columns.push(`CAST(NULL AS VARCHAR) AS ${quotedName(fileColumn)}`);
  return `SELECT ${columns.join(', ')} WHERE false`;
}

/**
 * Files that are older than a column of the table lack it: where no file is known to have it, a relation without rows
 * stands beside them and gives it. Only there, since a filter on the partition column does not pass through a union.
 */
function readQuery(contract: TableContract, files: readonly LocalFile[], rows: RelationOptions['rows']): string {
  const list = files.map(({ localFile }) => quotedText(localFile)).join(', ');
  const how = `union_by_name = true, hive_partitioning = false, filename = true`;
  const all = `read_parquet([${list}], ${how}, file_row_number = ${rows !== undefined})`;
  const read =
    rows === undefined
      ? all
      : `(SELECT * FROM ${all} WHERE file_row_number >= ${rows.first} AND file_row_number < ${rows.end})`;
  const unseen = columnsUnseen(contract, files);
  if (unseen.length === 0) return read;
  const empty = unseen.map(({ name, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${quotedName(name)}`);
  return `(SELECT * FROM ${read} UNION ALL BY NAME SELECT ${empty.join(', ')} WHERE false)`;
}

/** Columns that no file's statistics name. */
function columnsUnseen(contract: TableContract, files: readonly LocalFile[]): Column[] {
  let unseen = dataColumns(contract);
  for (const { statistics } of files) {
    if (unseen.length === 0) return unseen;
    const seen = columnsCounted(statistics);
    unseen = unseen.filter(({ name }) => !seen.has(name));
  }
  return unseen;
}

/**
 * A partition value is told by the file's name: DuckDB works that out before it reads, so a filter on the partition
 * column leaves files out. Columns are matched by name, and cast: other writers may order and store them
 * otherwise.
 */
function filesQuery(
  contract: TableContract,
  files: readonly LocalFile[],
  fileColumn: string | undefined,
  rows: RelationOptions['rows'],
): string {
  const columns = contract.columns.map(({ name, type }) => {
    const partition = contract.partitionColumns.includes(name);
    const value = partition ? partitionValue(name, type, files) : `CAST(${quotedName(name)} AS ${duckdbType(type)})`;
    return `${value} AS ${quotedName(name)}`;
  });
  if (fileColumn !== undefined) {
    columns.push(`${byFile(files, ({ path }) => path)} AS ${quotedName(fileColumn)}`);
  }
  return `SELECT ${columns.join(', ')} FROM ${readQuery(contract, files, rows)}`;
}

function partitionValue(name: string, type: ColumnType, files: readonly LocalFile[]): string {
  const value = byFile(files, ({ values }) => values[name] ?? '');
  return `CAST(${value} AS ${duckdbType(type)})`;
}

/**
 * The text of each file's rows, '' as null, found in one text of all the files' names. DuckDB has one name for a whole
 * vector of a file's rows and looks for it once, where it would go through the entries of a map row by row; and where
 * it plans a filter it copies the expression for each file, so that a branch a file would make that quadratic. A name
 * that is not there finds the end of the text, and so ''.
 */
function byFile(files: readonly LocalFile[], textOf: (file: LocalFile) => string): string {
  const texts = files.map(textOf);
  const mark = unusedMark([...files.map(({ localFile }) => localFile), ...texts]);
  const lengths = texts.map((text) => [...text].length);
  const width = lengths.reduce((widest, length) => Math.max(widest, length), 1);
  // Before each name its text, of the same width for all.
  const entries = files.map(({ localFile }, at) => {
    return `${texts[at]}${mark.repeat(width - (lengths[at] ?? 0))}${mark}${localFile}${mark}`;
  });
  const all = quotedText(entries.join('') + mark.repeat(width));
  const [edge, chars] = [quotedText(mark), String(width)];
  const found = `rtrim(substr(${all}, strpos(${all}, ${edge} || filename || ${edge}) - ${chars}, ${chars}), ${edge})`;
  return texts.includes('') ? `nullif(${found}, '')` : found;
}

/** A character that none of the texts has. */
function unusedMark(texts: readonly string[]): string {
  let code = 1;
  while (texts.some((text) => text.includes(String.fromCharCode(code)))) code += 1;
  return String.fromCharCode(code);
}
