import type { GoldViewContract } from '../../schemas/contract.ts';
import { audit } from '../base/audit.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { relationQuery, writeFiles, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { bytesByDay, daySlices } from './day-slices.ts';
import { filesForDays, filesOf, type PinnedSource } from './pinned-sources.ts';
import { withRelations } from './relations.ts';
import type { SourceKeys } from './source-keys.ts';

const daysSql = sqlFile(new URL('statements/days.sql', import.meta.url));
const ownKeysSql = sqlFile(new URL('statements/own-keys.sql', import.meta.url));
const rowsSql = sqlFile(new URL('statements/rows.sql', import.meta.url));
const ratioSql = sqlFile(new URL('statements/ratio.sql', import.meta.url));
const ownDaysSql = sqlFile(new URL('audits/own_days.sql', import.meta.url));

export interface DaysOptions {
  readonly view: GoldViewContract;
  readonly gold: TableLocation;
  readonly sources: readonly PinnedSource[];
  readonly keys: SourceKeys;
  readonly sliceDaysMax: number | undefined;
  readonly scratch: Scratch;
  readonly measure: <T>(step: 'model' | 'write', action: () => Promise<T>) => Promise<T>;
}

/**
 * Runs the model over the days, a slice of them at a time, and writes their files. Of each source a slice reads only
 * the files that can hold what its days need. Throws `audit_failed`.
 */
export async function computeDays(
  area: Database,
  days: readonly string[],
  options: DaysOptions,
  signal: AbortSignal,
): Promise<{ files: DataFile[]; rows: number }> {
  const files: DataFile[] = [];
  let rows = 0;
  for (const slice of daySlices(days, bytesOfDay(options.sources), options.sliceDaysMax)) {
    const scratch = options.scratch.scope();
    try {
      rows += await options.measure('model', () => runModel(area, slice, options, scratch, signal));
      const { gold, view } = options;
      const how = { together: true };
      files.push(
        ...(await options.measure('write', () => writeFiles(area, gold, view.table, 'rows', scratch, signal, how))),
      );
    } finally {
      scratch.release();
    }
  }
  return { files, rows };
}

/** Makes the table `rows` of these days; gives their number. */
async function runModel(
  area: Database,
  days: readonly string[],
  { view, gold, sources, keys }: DaysOptions,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<number> {
  await area.run(`${ratioSql};\n${daysSql}`, { days });
  const relations = new Map<string, string>();
  const define = async (source: PinnedSource, files: readonly DataFile[]): Promise<void> => {
    relations.set(source.read.table, await relationQuery(source.location, source.contract, files, scratch, signal));
  };
  for (const source of sources) {
    if (source.read.by === undefined) await define(source, filesForDays(source, days));
  }
  // After those whose rows they go by.
  for (const source of sources) {
    const { by } = source.read;
    const day = sources.find(({ read }) => read.table === by?.of)?.read.window?.column;
    if (by === undefined || day === undefined) continue;
    const parts = { columns: quotedList(by.columns), of: quoted(by.of), day: quoted(day) };
    const from = `(${withRelations(relations, filled(ownKeysSql, parts))})`;
    await define(source, await keys.find(source, by.columns, { from }, signal));
  }
  const columns = quotedList(view.table.columns.map(({ name }) => name));
  const query = withRelations(relations, filled(rowsSql, { columns, model: sqlFile(view.model) }));
  const made = `CREATE OR REPLACE TABLE "rows" AS\n${query}`;
  const [count] = await area.rows<{ Count: bigint }>(made, undefined, signal);
  const audits = view.audits.map((url) => ({
    name: url.pathname.split('/').at(-1) ?? url.pathname,
    // It may begin with a WITH of its own.
    sql: withRelations(relations, `FROM (\n${sqlFile(url)}\n)`),
  }));
  const ownDays = { name: 'own_days.sql', sql: filled(ownDaysSql, { day: quoted(view.dayColumn) }) };
  await audit(area, [ownDays, ...audits], gold.root);
  return Number(count?.Count ?? 0);
}

/** Bytes that the sources with a window have on a day. */
function bytesOfDay(sources: readonly PinnedSource[]): (day: string) => number {
  const bytes = sources.flatMap((source) =>
    source.read.window === undefined ? [] : [bytesByDay(filesOf(source), source.read.window.column)],
  );
  return (day) => bytes.reduce((sum, byDay) => sum + (byDay.get(day) ?? 0), 0);
}
