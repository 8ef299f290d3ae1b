import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { inWorkArea } from '../base/work-area.ts';
import { defineRelation, readSnapshot, type DataFile, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { RangeOptions } from './bronze.ts';
import { without, type NumberRange } from './number-ranges.ts';

const knownRunsSql = sqlFile(new URL('known-runs.sql', import.meta.url));
const gapsInRangeSql = sqlFile(new URL('gaps-in-range.sql', import.meta.url));

/** A row of the gaps table that touches the range. */
export interface GapRow extends NumberRange {
  /** Path of its file in the log. */
  readonly path: string;
}

/** What the tables know of a range. */
export interface RangeOutlook {
  readonly table: Snapshot;
  readonly gaps: Snapshot | undefined;
  readonly gapRows: readonly GapRow[];
  /** Numbers that bronze has, in the range and of every gap that touches it. */
  readonly known: readonly NumberRange[];
  /** Numbers that bronze lacks: lost ones, and holes that a known number stands before. */
  readonly missing: readonly NumberRange[];
}

/**
 * What bronze lacks of a range below the next number wanted. Numbers before the first known one are none of the
 * table's: there it begins, or the range has to be asked for from further below. Undefined: nothing was committed yet.
 */
export async function lookAtRange(
  options: RangeOptions,
  transaction: string,
  signal: AbortSignal,
): Promise<RangeOutlook | undefined> {
  const [table, gaps] = await Promise.all([readSnapshot(options.table, signal), readSnapshot(options.gaps, signal)]);
  const next = table?.transactions.get(transaction);
  if (table === undefined || next === undefined) return undefined;
  const range = { first: options.range.first, last: Math.min(options.range.last, next - 1) };
  // One number more: it tells whether the table has come to the range.
  const looked = { first: range.first - 1, last: range.last };
  return inGapsArea(options, gaps, signal, async (area) => {
    const gapRows = await gapsIn(area, options, looked);
    const ends = [looked, ...gapRows];
    const whole = {
      first: Math.min(...ends.map(({ first }) => first)),
      last: Math.max(...ends.map(({ last }) => last)),
    };
    const known = await knownIn(area, options, table, whole, signal);
    const begin = Math.min(...[...known, ...gapRows].map(({ first, last }) => (last < looked.first ? next : first)));
    const missing = without({ first: Math.max(range.first, begin), last: range.last }, known);
    return { table, gaps, gapRows, known, missing };
  });
}

/** With the relation `gap_rows` of all gaps, and the file of each. */
export async function inGapsArea<T>(
  { dataset, gaps: location, openDatabase, scratch: whole }: RangeOptions,
  gaps: Snapshot | undefined,
  signal: AbortSignal,
  action: (area: Database) => Promise<T>,
): Promise<T> {
  const scratch = whole.scope();
  try {
    return await inWorkArea(
      await openDatabase(),
      `bronze_${dataset}`,
      async (area) => {
        const files = gaps?.files.values() ?? [];
        const options = { fileColumn: '_file' };
        await defineRelation(area, 'gap_rows', location, gapsTable, files, scratch, signal, options);
        return action(area);
      },
      signal,
    );
  } finally {
    scratch.release();
  }
}

async function gapsIn(area: Database, { dataset, partitionId }: RangeOptions, range: NumberRange): Promise<GapRow[]> {
  const parameters = { dataset, partition_id: Number(partitionId), ...asBigint(range) };
  const rows = await area.rows<{ first: bigint; last: bigint; path: string }>(gapsInRangeSql, parameters);
  return rows.map(({ first, last, path }) => ({ first: Number(first), last: Number(last), path }));
}

async function knownIn(
  area: Database,
  { table: location, partitionId, scratch: whole }: RangeOptions,
  table: Snapshot,
  range: NumberRange,
  signal: AbortSignal,
): Promise<NumberRange[]> {
  const scratch = whole.scope();
  try {
    const files = [...table.files.values()].filter((file) => mayHold(file, range));
    await defineRelation(area, 'bronze_rows', location, bronzeTable, files, scratch, signal);
    const parameters = { partition_id: Number(partitionId), ...asBigint(range) };
    const rows = await area.rows<{ first: bigint; last: bigint }>(knownRunsSql, parameters, signal);
    return rows.map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
  } finally {
    scratch.release();
  }
}

function asBigint({ first, last }: NumberRange): { first: bigint; last: bigint } {
  return { first: BigInt(first), last: BigInt(last) };
}

/** By the statistics of the file; where they tell nothing, it may. */
function mayHold({ statistics = '{}' }: DataFile, { first, last }: NumberRange): boolean {
  const bounds = JSON.parse(statistics) as Record<string, { sequence_number?: number } | undefined>;
  const [least, greatest] = [bounds['minValues']?.sequence_number, bounds['maxValues']?.sequence_number];
  return least === undefined || greatest === undefined || (least <= last && greatest >= first);
}
