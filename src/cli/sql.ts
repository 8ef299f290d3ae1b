import { isAbort, SluiceError } from '../base/errors.ts';
import { defineRelation, readSnapshot, type Snapshot } from '../delta/delta.ts';
import { asStatement, type Database } from '../duckdb/duckdb.ts';
import { readConfiguration } from './configuration.ts';
import { loadPipeline, openLake, type Lake } from './lake.ts';
import { suggestion } from './nearest.ts';
import { formatResult, type ResultFormat } from './sql-result.ts';
import { lakeTables, type LakeTable } from './tables.ts';
import type { Terminal } from './terminal.ts';

/** Failures of the machine, not of the statement. */
const NOT_THE_STATEMENT = /^(IO|INTERNAL|FATAL|Out of Memory)/i;

/** `sluice sql`: one statement of DuckDB over views of the current snapshots. */
export async function sql(
  statement: string,
  options: { readonly format: ResultFormat },
  terminal: Terminal,
): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  const tables = lakeTables(await loadPipeline(configuration));
  const lake = await openLake(configuration, terminal, { readOnly: true, log });
  try {
    const database = await lake.openDatabase();
    await defineViews(lake, database, tables, statement, terminal.stop.soft);
    terminal.print(formatResult(await answer(database, statement, tables, terminal.stop.soft), options.format));
  } finally {
    await lake.close();
  }
  return 0;
}

/**
 * A view a table, empty where there is no table yet. Files of a lake elsewhere are fetched whole, so only of tables
 * that the statement names; those of a folder are read where they are.
 */
async function defineViews(
  lake: Lake,
  database: Database,
  tables: readonly LakeTable[],
  statement: string,
  signal: AbortSignal,
): Promise<void> {
  const isLocal = lake.store.localPath('bronze') !== undefined;
  const text = statement.toLowerCase();
  const isNamed = ({ view }: LakeTable): boolean => isLocal || text.includes(view.slice(view.indexOf('.') + 1));
  const snapshots = await Promise.all(
    tables.map((table) => (isNamed(table) ? readSnapshot(lake.table(table.root), signal) : undefined)),
  );
  if (!isLocal) sayHowMuch(lake, snapshots);
  for (const [index, { view, root, contract }] of tables.entries()) {
    const snapshot = snapshots[index];
    const files = snapshot?.files.values() ?? [];
    await defineRelation(database, view, lake.table(root), snapshot?.contract ?? contract, files, lake.scratch, signal);
  }
}

function sayHowMuch(lake: Lake, snapshots: readonly (Snapshot | undefined)[]): void {
  const files = snapshots.flatMap((snapshot) => [...(snapshot?.files.values() ?? [])]);
  const bytes = files.reduce((total, file) => total + file.sizeBytes, 0);
  lake.log.info('fetching the files of the tables that the statement names', { files: files.length, bytes });
}

async function answer(database: Database, statement: string, tables: readonly LakeTable[], signal: AbortSignal) {
  if (statement.trim() === '') throw new SluiceError('sql_invalid', 'the statement is empty: give one, SELECT …');
  const interrupt = (): void => database.connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await asStatement(database, () => database.connection.runAndReadAll(statement));
  } catch (cause) {
    if (signal.aborted || isAbort(cause)) throw new DOMException('stopped', 'AbortError');
    const message = cause instanceof Error ? cause.message : String(cause);
    if (NOT_THE_STATEMENT.test(message)) throw new SluiceError('internal', `DuckDB: ${message}`, { cause });
    const text = message.replaceAll(/\s*\n\s*/g, ' ');
    throw new SluiceError('sql_invalid', `${text}${viewsHint(message, tables)}`, { cause });
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

function viewsHint(message: string, tables: readonly LakeTable[]): string {
  const missing = /(?:Table|Schema) with name "?([^\s"!]+)/i.exec(message)?.[1];
  if (missing === undefined || !/does not exist/i.test(message)) return '';
  const views = tables.map(({ view }) => view);
  const near = suggestion(missing, views);
  return near.startsWith('there are')
    ? `; the views are: ${views.join(', ')}`
    : `; ${near} The views are: ${views.join(', ')}`;
}
