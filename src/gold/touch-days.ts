import type { GoldLook, GoldViewContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { defineRelation, rowCountOf, type DataFile, type Snapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bytesByDay, daySlices } from './day-slices.ts';
import { filesOf, type PinnedSource, type SourceChanges } from './pinned-sources.ts';
import type { SourceKeys } from './source-keys.ts';

const allChangedSql = sqlFile(new URL('statements/all-changed.sql', import.meta.url));
const changedSql = sqlFile(new URL('statements/changed.sql', import.meta.url));
const daysAroundSql = sqlFile(new URL('statements/days-around.sql', import.meta.url));
const touchSql = sqlFile(new URL('statements/touch.sql', import.meta.url));
const touchKnownSql = sqlFile(new URL('statements/touch-known.sql', import.meta.url));
const listTouchedSql = sqlFile(new URL('statements/list-touched.sql', import.meta.url));

/** When a row was written is no part of what it says. */
const LOADED_AT = 'loaded_at';

export interface Touched {
  /** `YYYY-MM-DD`, in order. */
  readonly days: readonly string[];
  /** Changed rows of the sources, old and new versions. */
  readonly rowsChanged: number;
}

export interface TouchOptions {
  readonly view: GoldViewContract;
  readonly gold: TableLocation;
  readonly snapshot: Snapshot;
  readonly keys: SourceKeys;
  readonly scratch: Scratch;
}

/**
 * The days that the changes touch (domain section 4): each source's changed rows, old and new, as `changed`, through
 * the view's SQL for that source. What that reads beside them is narrowed to the files that its `looksAt` names.
 */
export async function touchDays(
  area: Database,
  changes: readonly SourceChanges[],
  options: TouchOptions,
  signal: AbortSignal,
): Promise<Touched> {
  const { snapshot, view } = options;
  await area.run('CREATE OR REPLACE TABLE touched (day DATE)');
  const known = daysOf(snapshot.files.values(), view.dayColumn);
  // Days that are there may have lost their rows.
  if (changes.some(({ source }) => source.replaces)) await touchAll(area, known);
  const dated = changes.filter(({ source }) => source.read.window !== undefined);
  // Rows of the view stand on the days of the source with a window: where that is new to it, no other touches more.
  const isFirst = dated.length === 1 && dated.every(({ source }) => source.from === undefined);
  let rowsChanged = 0;
  for (const change of changes) {
    const { window } = change.source.read;
    if (isFirst) rowsChanged += rowCount([...change.added, ...change.removed]);
    else rowsChanged += await touchBy(area, change, changes, options, signal);
    if (isFirst && window !== undefined) await touchAll(area, daysOf(change.added, window.column));
  }
  const rows = await area.rows<{ day: string }>(listTouchedSql);
  return { days: rows.map(({ day }) => day), rowsChanged };
}

/**
 * In slices of the days that the files are of, so that memory is bounded: a row that moved to another day is an old
 * one in its slice and a new one in the other.
 */
async function touchBy(
  area: Database,
  { source, added, removed }: SourceChanges,
  changes: readonly SourceChanges[],
  options: TouchOptions,
  signal: AbortSignal,
): Promise<number> {
  const files = [...added, ...removed];
  const [day = ''] = source.contract.partitionColumns;
  const bytes = bytesByDay(files, day);
  const dayOf = ({ partitionValues }: DataFile): string => partitionValues[day] ?? '';
  let rows = 0;
  for (const slice of daySlices([...bytes.keys()].toSorted(), (value) => bytes.get(value) ?? 0)) {
    const within = (file: DataFile): boolean => slice.includes(dayOf(file));
    const part = { source, added: added.filter(within), removed: removed.filter(within) };
    rows += await touchBySlice(area, part, changes, options, signal);
  }
  return rows;
}

async function touchBySlice(
  area: Database,
  { source, added, removed }: SourceChanges,
  changes: readonly SourceChanges[],
  options: TouchOptions,
  signal: AbortSignal,
): Promise<number> {
  const scratch = options.scratch.scope();
  try {
    const { location, contract, read } = source;
    const columns = contract.columns.map(({ name }) => name).filter((name) => name !== LOADED_AT);
    await defineRelation(area, 'new_rows', location, contract, added, scratch, signal);
    if (removed.length > 0) await defineRelation(area, 'old_rows', location, contract, removed, scratch, signal);
    const sql = removed.length > 0 ? changedSql : allChangedSql;
    await area.run(filled(sql, { columns: quotedList(columns) }), undefined, signal);
    const [count] = await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM changed');
    const rows = Number(count?.rows ?? 0);
    if (rows === 0) return 0;
    const looksAt = read.looksAt ?? options.view.reads.map(({ table }): GoldLook => ({ table }));
    for (const [table, looks] of Map.groupBy(looksAt, (look) => look.table)) {
      await defineLook(area, table, looks, changes, { ...options, scratch }, signal);
    }
    await area.run(filled(touchSql, { touched_days: sqlFile(read.touchedDays) }), undefined, signal);
    return rows;
  } finally {
    scratch.release();
  }
}

/** The relation that `touchedDays` reads by this name: of the table's files those that one of the rules names. */
async function defineLook(
  area: Database,
  table: string,
  looks: readonly GoldLook[],
  changes: readonly SourceChanges[],
  { view, gold, snapshot, keys, scratch }: TouchOptions,
  signal: AbortSignal,
): Promise<void> {
  if (table === view.name) {
    return defineRelation(area, table, gold, snapshot.contract, snapshot.files.values(), scratch, signal);
  }
  const found = changes.find(({ source }) => source.read.table === table)?.source;
  const source = present(found, `${table} among the sources of ${view.name}`);
  const files = new Map<string, DataFile>();
  for (const look of looks) {
    for (const file of await filesFor(area, source, look, keys, signal)) files.set(file.path, file);
  }
  await defineRelation(area, table, source.location, source.contract, files.values(), scratch, signal);
}

async function filesFor(
  area: Database,
  source: PinnedSource,
  { by, window }: GoldLook,
  keys: SourceKeys,
  signal: AbortSignal,
): Promise<DataFile[]> {
  if (by !== undefined) return keys.find(source, by, 'changed', signal);
  if (window === undefined) return filesOf(source);
  const sql = filled(daysAroundSql, { column: quoted(window.column) });
  const rows = await area.rows<{ day: string }>(sql, { days_before: BigInt(window.daysBefore) });
  const days = new Set(rows.map(({ day }) => day));
  return filesOf(source).filter(({ partitionValues }) => days.has(partitionValues[window.column] ?? ''));
}

function daysOf(files: Iterable<DataFile>, column: string): string[] {
  return [...new Set([...files].flatMap(({ partitionValues }) => partitionValues[column] ?? []))];
}

async function touchAll(area: Database, days: readonly string[]): Promise<void> {
  if (days.length > 0) await area.run(touchKnownSql, { days });
}

function rowCount(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + (rowCountOf(file) ?? 0), 0);
}
