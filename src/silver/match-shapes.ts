import { filled, quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { integerBounds, type BodyShape } from './body-shape.ts';
import type { EventRules, RuledField } from './event-rules.ts';

const matchSql = sqlFile(new URL('statements/match-shapes.sql', import.meta.url));
const leftOverSql = sqlFile(new URL('statements/left-over.sql', import.meta.url));

/** Bodies above this are for zod, and are read again: what a chunk of rows holds in memory is bounded by it. */
export const KEPT_BYTES_MAX = 16 * 1024;

/**
 * One pass of the fast path: judges the rows of `source` by the shapes. `bronze`: makes the table `judged` of what is
 * accepted; `left_over`: adds to it. The rows that zod must judge are then the table `left_over`. Shape i of the list
 * is number `firstNumber` + i in the column `shape` of `judged`.
 */
export async function matchShapes(
  area: Database,
  rules: EventRules,
  source: 'bronze' | 'left_over',
  shapes: readonly BodyShape[],
  firstNumber: number,
  signal: AbortSignal,
): Promise<void> {
  const into = source === 'bronze' ? 'CREATE OR REPLACE TABLE judged AS' : 'INSERT INTO judged';
  const select = filled(matchSql, {
    values: rules.fields.map((field) => `${valueOf(field)} AS ${quoted(field.name)}`).join(', '),
    checks: [...rules.fields.map(checkOf), ...rules.orders.map(orderOf)].join(' AND '),
    structure: structureOf(rules),
    ...SOURCES[source],
    shapes: shapes.map((_, at) => `WHEN regexp_full_match(body, $shape${at}) THEN ${firstNumber + at}`).join(' '),
    source,
  });
  const patterns = Object.fromEntries(shapes.map(({ pattern }, at) => [`shape${at}`, pattern]));
  await area.run(`${into} ${select}`, patterns, signal);
  await area.run(leftOverSql, undefined, signal);
}

/** What is left over has been measured, and has lost its body where that was large. */
const SOURCES = {
  bronze: {
    position: 'NULL::BIGINT',
    is_large: `coalesce(greatest(strlen(body), strlen(body_base64)) > ${KEPT_BYTES_MAX}, false)`,
  },
  left_over: { position: 'position', is_large: 'is_large' },
} as const;

const TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
};

/** What json_transform reads: null is then a value that is none, but for optional fields, which are checked as read. */
function structureOf({ fields }: EventRules): string {
  const members = fields.map(({ name, type, optional }) => {
    if (!optional) return `"${name}":"${TYPES[type]}"`;
    return `"${name}":"${type === 'timestamp' ? 'VARCHAR' : type === 'integer' ? 'BIGINT' : TYPES[type]}"`;
  });
  return `'{${members.join(',')}}'`;
}

function readOf({ name, type, optional }: RuledField): string {
  const read = `event.${quoted(name)}`;
  return optional && type === 'timestamp' ? `TRY_CAST(${read} AS TIMESTAMPTZ)` : read;
}

function valueOf(field: RuledField): string {
  const read = readOf(field);
  return field.optional && field.type === 'integer' ? `TRY_CAST(${read} AS INTEGER)` : read;
}

/** True for a value of the field, null or false for any other. */
function checkOf(field: RuledField): string {
  const check = CHECKS[field.kind](readOf(field), field);
  return field.optional ? `(event.${quoted(field.name)} IS NULL OR ${check})` : check;
}

const CHECKS: Readonly<Record<RuledField['kind'], (value: string, field: RuledField) => string>> = {
  // Bytes bound code points from above.
  text: (value, { low, high }) =>
    `strlen(${value}) <= ${Math.floor(high)}${low > 1 ? ` AND length(${value}) >= ${Math.ceil(low)}` : ''}`,
  integer(value, field) {
    const [low, high] = integerBounds(field);
    return `${value} BETWEEN ${low} AND ${high}`;
  },
  timestamp: (value) =>
    `${value} >= TIMESTAMPTZ '2000-01-01 00:00:00+00' AND ${value} < TIMESTAMPTZ '2100-01-01 00:00:00+00'`,
  flag: (value) => `${value} IS NOT NULL`,
};

function orderOf({ first, second }: EventRules['orders'][number]): string {
  return `event.${quoted(second)} >= event.${quoted(first)}`;
}
