import type { GoldViewContract } from '../../schemas/contract.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { inWorkArea } from '../base/work-area.ts';
import { defineRelation, readSnapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { GoldDayChart } from './report.ts';

export async function readGoldDay(
  database: Database,
  view: GoldViewContract,
  table: TableLocation,
  days: readonly string[],
  scratch: Scratch,
  signal: AbortSignal,
): Promise<GoldDayChart[]> {
  const snapshot = await readSnapshot(table, signal);
  const dayOf = (values: Readonly<Record<string, string | null>>): string => values[view.dayColumn] ?? '';
  const files = [...(snapshot?.files.values() ?? [])].filter((file) => days.includes(dayOf(file.partitionValues)));
  const day = files
    .map((file) => dayOf(file.partitionValues))
    .toSorted()
    .at(-1);
  if (snapshot === undefined || day === undefined) return [];
  const ofDay = files.filter((file) => dayOf(file.partitionValues) === day);
  const statement = sqlFile(new URL('gold-day.sql', import.meta.url));
  return inWorkArea(database, `report_${view.name}`, async (connection) => {
    const rows = 'day_rows';
    await defineRelation(connection, rows, table, view.table, ofDay, scratch, signal);
    const charts: GoldDayChart[] = [];
    for (const { title, label, measure, top } of view.draws) {
      const sql = filled(statement, { label: quoted(label), measure: quoted(measure), day_rows: rows });
      const bars = await connection.rows<{ label: string; value: number }>(sql, { top });
      charts.push({ view: view.name, title, day, label, measure, bars });
    }
    return charts;
  });
}
