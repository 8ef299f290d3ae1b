import type { ColumnType, TableContract } from '../../schemas/contract.ts';
import { dataColumns } from './table-schema.ts';

/** Bounds of one column as DuckDB tells them; undefined where it tells none. */
export interface ColumnStatistics {
  readonly least: string | undefined;
  readonly greatest: string | undefined;
  readonly nullCount: string | undefined;
  readonly hasNaN: boolean;
}

/** Text bounds are cut to this many code points: they are for skipping files, not for reading. */
const TEXT_POINTS_MAX = 32;

/**
 * Delta statistics of one file as the log's JSON text. Numbers are copied digit by digit, since a JavaScript number
 * would round them. A bound that cannot be told for certain is left out: a wrong one hides rows.
 */
export function statisticsText(
  contract: TableContract,
  rowCount: bigint,
  columns: ReadonlyMap<string, ColumnStatistics>,
): string {
  const least: string[] = [];
  const greatest: string[] = [];
  const nulls: string[] = [];
  for (const { name, type } of dataColumns(contract)) {
    const found = columns.get(name);
    if (found?.nullCount !== undefined) nulls.push(member(name, found.nullCount));
    if (found === undefined || found.hasNaN || (contract.withoutBounds ?? []).includes(name)) continue;
    const [low, high] = [lowerBound(type, found.least), upperBound(type, found.greatest)];
    if (low !== undefined) least.push(member(name, low));
    if (high !== undefined) greatest.push(member(name, high));
  }
  const sections = [`"minValues":{${least}}`, `"maxValues":{${greatest}}`, `"nullCount":{${nulls}}`];
  return `{"numRecords":${rowCount},${sections.join(',')}}`;
}

/** Rows of a file as its statistics count them. */
export function rowsCounted(statistics: string | undefined): number | undefined {
  const found = /"numRecords":\s*(\d+)/.exec(statistics ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Columns whose nulls a file's statistics count: those that stand in it for certain. */
export function columnsCounted(statistics: string | undefined): ReadonlySet<string> {
  try {
    const { nullCount } = JSON.parse(statistics ?? '{}') as { nullCount?: Readonly<Record<string, unknown>> };
    return new Set(Object.keys(nullCount ?? {}));
  } catch {
    // Another writer's: it only means that nothing is known of the file.
    return new Set();
  }
}

/** JSON text of a value that is not greater than any of the column. */
export function lowerBound(type: ColumnType, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'string') return JSON.stringify(codePoints(value).slice(0, TEXT_POINTS_MAX).join(''));
  return type === 'timestamp' ? timestampText(value, 'down') : exactBound(type, value);
}

/** JSON text of a value that is not less than any of the column. */
export function upperBound(type: ColumnType, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'string') return textAbove(value);
  return type === 'timestamp' ? timestampText(value, 'up') : exactBound(type, value);
}

function exactBound(type: ColumnType, value: string): string | undefined {
  if (type === 'date') return /^\d{4}-\d\d-\d\d$/.test(value) ? JSON.stringify(value) : undefined;
  // No reader skips by a boolean's bounds.
  if (type === 'boolean') return undefined;
  return /^-?\d+(\.\d+)?$/.test(value) ? value : undefined;
}

/** A cut text is less than the whole: the last code point that can grow is raised, so that the bound stays above. */
function textAbove(value: string): string | undefined {
  const points = codePoints(value);
  if (points.length <= TEXT_POINTS_MAX) return JSON.stringify(value);
  const kept = points.slice(0, TEXT_POINTS_MAX);
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    const next = nextCodePoint(last.codePointAt(0) ?? 0);
    if (next !== undefined) return JSON.stringify(kept.join('') + String.fromCodePoint(next));
  }
  return undefined;
}

function nextCodePoint(point: number): number | undefined {
  if (point === 0xd7ff) return 0xe000;
  return point < 0x10ffff ? point + 1 : undefined;
}

function codePoints(value: string): string[] {
  return [...value];
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/** Whole milliseconds, as readers keep them: the lower bound is rounded down, the upper one up. */
function timestampText(value: string, direction: 'down' | 'up'): string | undefined {
  const match = TIMESTAMP.exec(value);
  if (match === null) return undefined;
  const [, day, time, fraction = ''] = match;
  const micros = Number(fraction.padEnd(6, '0'));
  const millis = direction === 'down' ? Math.floor(micros / 1000) : Math.ceil(micros / 1000);
  return JSON.stringify(new Date(Date.parse(`${day}T${time}Z`) + millis).toISOString());
}

function member(name: string, json: string): string {
  return `${JSON.stringify(name)}:${json}`;
}
