import { filled, quotedList } from '../base/identifiers.ts';
import { defineRelation, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { SourceChanges } from './pinned-sources.ts';

const changedSql = sqlFile(new URL('statements/changed.sql', import.meta.url));
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

/**
 * The days that the changes touch (domain section 4): each source's changed rows, old and new, as `changed`, through
 * the view's SQL for that source, which may read all sources by name as they are now.
 */
export async function touchDays(
  area: Database,
  changes: readonly SourceChanges[],
  gold: Snapshot,
  dayColumn: string,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<Touched> {
  await area.run('CREATE OR REPLACE TABLE touched (day DATE)');
  for (const { source } of changes) {
    const files = source.snapshot?.files.values() ?? [];
    await defineRelation(area, source.read.table, source.location, source.contract, files, scratch, signal);
  }
  let rowsChanged = 0;
  for (const change of changes) rowsChanged += await touchBy(area, change, scratch, signal);
  // Days that are there may have lost their rows.
  if (changes.some(({ source }) => source.replaces) && gold.files.size > 0) {
    const known = [...gold.files.values()].flatMap(({ partitionValues }) => partitionValues[dayColumn] ?? []);
    await area.run(touchKnownSql, { days: known });
  }
  const rows = await area.rows<{ day: string }>(listTouchedSql);
  return { days: rows.map(({ day }) => day), rowsChanged };
}

async function touchBy(
  area: Database,
  { source, added, removed }: SourceChanges,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<number> {
  if (added.length === 0 && removed.length === 0) return 0;
  const { location, contract, read } = source;
  await defineRelation(area, 'old_rows', location, contract, removed, scratch, signal);
  await defineRelation(area, 'new_rows', location, contract, added, scratch, signal);
  if (added.length > 0 && removed.length > 0) {
    const columns = contract.columns.map(({ name }) => name).filter((name) => name !== LOADED_AT);
    await area.run(filled(changedSql, { columns: quotedList(columns) }));
    await area.run('CREATE OR REPLACE VIEW changed AS FROM changed_rows');
  } else {
    await area.run(`CREATE OR REPLACE VIEW changed AS FROM ${removed.length === 0 ? 'new_rows' : 'old_rows'}`);
  }
  await area.run(filled(touchSql, { touched_days: sqlFile(read.touchedDays) }));
  const [count] = await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM changed');
  return Number(count?.rows ?? 0);
}
