import type { GoldViewContract } from '../../schemas/contract.ts';
import { audit } from '../base/audit.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { defineRelation, writeFiles, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { PinnedSource } from './pinned-sources.ts';

const daysSql = sqlFile(new URL('statements/days.sql', import.meta.url));
const rowsSql = sqlFile(new URL('statements/rows.sql', import.meta.url));
const ratioSql = sqlFile(new URL('statements/ratio.sql', import.meta.url));
const ownDaysSql = sqlFile(new URL('audits/own_days.sql', import.meta.url));

const DAY_MS = 86_400_000;

export interface DaysOptions {
  readonly view: GoldViewContract;
  readonly gold: TableLocation;
  readonly sources: readonly PinnedSource[];
  readonly sliceDaysMax: number;
  readonly scratch: Scratch;
  readonly measure: <T>(step: 'model' | 'write', action: () => Promise<T>) => Promise<T>;
}

/** Runs the model over the days, a slice of them at a time, and writes their files. Throws `audit_failed`. */
export async function computeDays(
  area: Database,
  days: readonly string[],
  options: DaysOptions,
  signal: AbortSignal,
): Promise<{ files: DataFile[]; rows: number }> {
  const files: DataFile[] = [];
  let rows = 0;
  await area.run(ratioSql);
  for (let at = 0; at < days.length; at += options.sliceDaysMax) {
    const slice = days.slice(at, at + options.sliceDaysMax);
    rows += await options.measure('model', () => runModel(area, slice, options, signal));
    const { gold, view, scratch } = options;
    files.push(...(await options.measure('write', () => writeFiles(area, gold, view.table, 'rows', scratch, signal))));
  }
  return { files, rows };
}

/** Makes the table `rows` of these days; gives their number. */
async function runModel(
  area: Database,
  days: readonly string[],
  { view, gold, sources, scratch }: DaysOptions,
  signal: AbortSignal,
): Promise<number> {
  await area.run(daysSql, { days });
  for (const source of sources) {
    const files = windowed(source, days);
    await defineRelation(area, source.read.table, source.location, source.contract, files, scratch, signal);
  }
  const columns = quotedList(view.table.columns.map(({ name }) => name));
  await area.run(filled(rowsSql, { columns, model: sqlFile(view.model) }));
  await audit(area, filled(ownDaysSql, { day: quoted(view.dayColumn) }), gold.root, 'own_days.sql');
  for (const url of view.audits) {
    await audit(area, sqlFile(url), gold.root, url.pathname.split('/').at(-1) ?? url.pathname);
  }
  const [count] = await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM "rows"');
  return Number(count?.rows ?? 0);
}

/** The source's files that the model needs for these days. */
function windowed({ read, snapshot }: PinnedSource, days: readonly string[]): DataFile[] {
  const files = [...(snapshot?.files.values() ?? [])];
  const { window } = read;
  if (window === undefined) return files;
  const needed = new Set<string>();
  for (const day of days) {
    for (let ahead = 0; ahead <= window.daysAhead; ahead++) {
      needed.add(new Date(Date.parse(day) + ahead * DAY_MS).toISOString().slice(0, 10));
    }
  }
  return files.filter(({ partitionValues }) => needed.has(partitionValues[window.column] ?? ''));
}
