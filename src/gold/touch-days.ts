import type { GoldLook, GoldViewContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { MemoryShares } from '../base/memory-shares.ts';
import { sideBySide } from '../base/side-by-side.ts';
import { inWorkArea } from '../base/work-area.ts';
import { relationQuery, rowCountOf, type DataFile, type Snapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bytesByDay, daysAround, daySlices, shareOfSlice } from './day-slices.ts';
import { filesOf, type PinnedSource, type SourceChanges } from './pinned-sources.ts';
import { withRelations } from './relations.ts';
import type { SourceKeys } from './source-keys.ts';

const allChangedSql = sqlFile(new URL('statements/all-changed.sql', import.meta.url));
const changedSql = sqlFile(new URL('statements/changed.sql', import.meta.url));
const changedDaysSql = sqlFile(new URL('statements/changed-days.sql', import.meta.url));
const touchSql = sqlFile(new URL('statements/touch.sql', import.meta.url));

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
 * Sources are looked at side by side, as far as one slice's memory is enough for them.
 */
export async function touchDays(
  database: Database,
  changes: readonly SourceChanges[],
  options: TouchOptions,
  signal: AbortSignal,
): Promise<Touched> {
  const { snapshot, view } = options;
  const days = new Set<string>();
  const add = (more: readonly string[]): void => more.forEach((day) => days.add(day));
  // Days that are there may have lost their rows.
  if (changes.some(({ source }) => source.replaces)) add(daysOf(snapshot.files.values(), view.dayColumn));
  const dated = changes.filter(({ source }) => source.read.window !== undefined);
  // Rows of the view stand on the days of the source with a window: where that is new to it, no other touches more.
  if (dated.length === 1 && dated.every(({ source }) => source.from === undefined)) {
    for (const { source, added } of dated) add(daysOf(added, source.read.window?.column ?? ''));
    const files = changes.flatMap(({ added, removed }) => [...added, ...removed]);
    return { days: [...days].toSorted(), rowsChanged: rowCount(files) };
  }
  const memory = new MemoryShares();
  const touched: Touched[] = [];
  await sideBySide(changes, (change) => touchBy(database, change, changes, { ...options, memory }, signal), touched);
  for (const found of touched) add(found.days);
  return { days: [...days].toSorted(), rowsChanged: touched.reduce((sum, { rowsChanged }) => sum + rowsChanged, 0) };
}

interface SliceOptions extends TouchOptions {
  readonly memory: MemoryShares;
}

/**
 * In slices of the days that the files are of, so that memory is bounded: a row that moved to another day is an old
 * one in its slice and a new one in the other.
 */
async function touchBy(
  database: Database,
  { source, added, removed }: SourceChanges,
  changes: readonly SourceChanges[],
  options: SliceOptions,
  signal: AbortSignal,
): Promise<Touched | undefined> {
  const files = [...added, ...removed];
  if (files.length === 0) return undefined;
  const [day = ''] = source.contract.partitionColumns;
  const bytes = bytesByDay(files, day);
  const dayOf = ({ partitionValues }: DataFile): string => partitionValues[day] ?? '';
  const days = new Set<string>();
  let rowsChanged = 0;
  const slices = daySlices([...bytes.keys()].toSorted(), (value) => bytes.get(value) ?? 0);
  const name = `gold_${options.view.name}/${source.read.table}`;
  await inWorkArea(
    database,
    name,
    async (area) => {
      for (const slice of slices) {
        const within = (file: DataFile): boolean => slice.includes(dayOf(file));
        const part = { source, added: added.filter(within), removed: removed.filter(within) };
        const found = await options.memory.within(shareOfSlice(files.filter(within)), async () => {
          const touched = await touchBySlice(area, part, changes, options, signal);
          // The next slice may have to wait for the memory that these rows are in.
          if (slices.length > 1) await area.run('DROP TABLE changed');
          return touched;
        });
        rowsChanged += found.rowsChanged;
        for (const each of found.days) days.add(each);
      }
    },
    signal,
  );
  return { days: [...days], rowsChanged };
}

async function touchBySlice(
  area: Database,
  { source, added, removed }: SourceChanges,
  changes: readonly SourceChanges[],
  options: TouchOptions,
  signal: AbortSignal,
): Promise<Touched> {
  const scratch = options.scratch.scope();
  try {
    const { read } = source;
    const rowsChanged = await makeChanged(area, { source, added, removed }, scratch, signal);
    if (rowsChanged === 0) return { days: [], rowsChanged };
    const looksAt = read.looksAt ?? options.view.reads.map(({ table }): GoldLook => ({ table }));
    const relations = new Map<string, string>();
    for (const [table, looks] of Map.groupBy(looksAt, (look) => look.table)) {
      relations.set(table, await lookQuery(area, table, looks, changes, { ...options, scratch }, signal));
    }
    const sql = withRelations(relations, filled(touchSql, { touched_days: sqlFile(read.touchedDays) }));
    const days = await area.rows<{ day: string }>(sql, undefined, signal);
    return { days: days.map(({ day }) => day), rowsChanged };
  } finally {
    scratch.release();
  }
}

/** Makes the table `changed`; gives the number of its rows. */
async function makeChanged(
  area: Database,
  { source: { location, contract }, added, removed }: SourceChanges,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<number> {
  const columns = quotedList(contract.columns.map(({ name }) => name).filter((name) => name !== LOADED_AT));
  const query = (files: readonly DataFile[]): Promise<string> =>
    relationQuery(location, contract, files, scratch, signal);
  const parts = { columns, new_rows: await query(added), old_rows: await query(removed) };
  const sql = filled(removed.length > 0 ? changedSql : allChangedSql, parts);
  const [count] = await area.rows<{ Count: bigint }>(sql, undefined, signal);
  return Number(count?.Count ?? 0);
}

/** What `touchedDays` reads by this name: of the table's files those that one of the rules names. */
async function lookQuery(
  area: Database,
  table: string,
  looks: readonly GoldLook[],
  changes: readonly SourceChanges[],
  { view, gold, snapshot, keys, scratch }: TouchOptions,
  signal: AbortSignal,
): Promise<string> {
  if (table === view.name) {
    return relationQuery(gold, snapshot.contract, snapshot.files.values(), scratch, signal);
  }
  const found = changes.find(({ source }) => source.read.table === table)?.source;
  const source = present(found, `${table} among the sources of ${view.name}`);
  const files = new Map<string, DataFile>();
  for (const look of looks) {
    for (const file of await filesFor(area, source, look, keys, signal)) files.set(file.path, file);
  }
  return relationQuery(source.location, source.contract, files.values(), scratch, signal);
}

async function filesFor(
  area: Database,
  source: PinnedSource,
  { by, window }: GoldLook,
  keys: SourceKeys,
  signal: AbortSignal,
): Promise<DataFile[]> {
  if (by !== undefined) return keys.find(source, by, { from: 'changed', area }, signal);
  if (window === undefined) return filesOf(source);
  const rows = await area.rows<{ day: string }>(filled(changedDaysSql, { column: quoted(window.column) }));
  const changedDays = rows.map(({ day }) => day);
  const days = daysAround(changedDays, { before: window.daysBefore });
  return filesOf(source).filter(({ partitionValues }) => days.has(partitionValues[window.column] ?? ''));
}

function daysOf(files: Iterable<DataFile>, column: string): string[] {
  return [...new Set([...files].flatMap(({ partitionValues }) => partitionValues[column] ?? []))];
}

function rowCount(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + (rowCountOf(file) ?? 0), 0);
}
