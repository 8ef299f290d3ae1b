import type { DimensionContract } from '../../schemas/contract.ts';
import { isAbort, SluiceError } from '../base/errors.ts';
import { quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { DimensionSource } from './silver.ts';

export type SourceRow = Readonly<Record<string, unknown>>;

const SOURCES = {
  csv: sqlFile(new URL('statements/source-csv.sql', import.meta.url)),
  json: sqlFile(new URL('statements/source-json.sql', import.meta.url)),
  parquet: sqlFile(new URL('statements/source-parquet.sql', import.meta.url)),
};

/**
 * The source's rows with the contract's columns, every value as text or null where they come from a file. Throws
 * `dimension_invalid` where the file cannot be read or lacks a column.
 */
export async function* readRows(
  area: Database,
  contract: DimensionContract,
  source: DimensionSource,
  signal: AbortSignal,
): AsyncGenerator<SourceRow> {
  if ('rows' in source) {
    yield* source.rows;
    return;
  }
  const names = contract.table.columns.map(({ name }) => name);
  const found = await readFile(area, contract, source);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const what = `lacks the columns ${missing.join(', ')} of the dimension ${contract.name}`;
    const message = `${source.file} ${what}; nothing changed`;
    throw new SluiceError('dimension_invalid', message, {
      context: { dimension: contract.name, column: missing[0] ?? '' },
    });
  }
  // The mark in front: the driver drops a byte-order mark at the head of a string.
  const text = (name: string): string =>
    source.format === 'json' ? `(${quoted(name)} ->> '$')` : `${quoted(name)}::VARCHAR`;
  const sql = `SELECT ${names.map((name) => `'|' || ${text(name)}`).join(', ')} FROM source`;
  const rows = await area.connection.stream(sql);
  for (let chunk = await rows.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
    signal.throwIfAborted();
    const columns = chunk.getColumns() as (string | null)[][];
    for (let row = 0; row < chunk.rowCount; row++) {
      yield Object.fromEntries(names.map((name, at) => [name, columns[at]?.[row]?.slice(1) ?? null]));
    }
  }
}

/** Makes the table `source`; gives the names of its columns. */
async function readFile(
  area: Database,
  contract: DimensionContract,
  { file, format }: Extract<DimensionSource, { file: string }>,
): Promise<ReadonlySet<string>> {
  try {
    await area.run(SOURCES[format], { file });
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = `cannot be read as ${format} for the dimension ${contract.name}`;
    const message = `${file} ${what}: ${reason}; nothing changed`;
    throw new SluiceError('dimension_invalid', message, { context: { dimension: contract.name, file }, cause });
  }
  const columns = await area.rows<{ column_name: string }>('DESCRIBE source');
  return new Set(columns.map(({ column_name }) => column_name));
}
