import { present } from '../base/assert.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { integerBounds, TIMESTAMP, type BodyShape, type BodyText } from './body-shape.ts';
import type { EventRules, RuledField } from './event-rules.ts';

const matchSql = sqlFile(new URL('statements/match-shapes.sql', import.meta.url));
const leftOverSql = sqlFile(new URL('statements/left-over.sql', import.meta.url));

/**
 * One pass of the fast path: judges the rows of `source` by the shapes. `bronze`: makes the table `judged` of what is
 * accepted; `left_over`: adds to it. The rows that zod must judge are then the table `left_over`. Shape i of the list
 * is number `firstNumber` + i in the column `shape` of `judged`.
 */
export async function matchShapes(
  area: Database,
  rules: EventRules,
  source: 'bronze' | 'left_over',
  keptBytesMax: number,
  shapes: readonly BodyShape[],
  firstNumber: number,
  signal: AbortSignal,
): Promise<void> {
  const into = source === 'bronze' ? 'CREATE OR REPLACE TABLE judged AS' : 'INSERT INTO judged';
  const parameters = new NamedTexts();
  const select = filled(matchSql, {
    values: rules.fields.map((field) => `${valueOf(field)} AS ${quoted(field.name)}`).join(', '),
    checks: [...rules.fields.map(checkOf), ...rules.orders.map((order) => orderOf(rules, order))].join(' AND '),
    instants: instantsOf(rules),
    timestamps: timestampsOf(rules, parameters),
    structure: structureOf(rules),
    ...(source === 'bronze' ? ofBronze(keptBytesMax) : LEFT_OVER),
    shapes: shapesOf(shapes, firstNumber, parameters),
    source,
  });
  await area.run(`${into} ${select}`, parameters.values, signal);
  await area.run(leftOverSql, undefined, signal);
}

/** What is left over has been measured, and has lost its body where that was large. */
const LEFT_OVER = { position: 'position', is_large: 'is_large' } as const;

function ofBronze(keptBytesMax: number): Record<keyof typeof LEFT_OVER, string> {
  return {
    position: 'NULL::BIGINT',
    is_large: `coalesce(greatest(strlen(body), strlen(body_base64)) > ${keptBytesMax}, false)`,
  };
}

/** Texts that are parameters of a statement, each once. */
class NamedTexts {
  readonly values: Record<string, string> = {};
  readonly #names = new Map<string, string>();

  name(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `text${this.#names.size}`;
    this.values[name] = text;
    this.#names.set(text, `$${name}`);
    return `$${name}`;
  }
}

/** The texts of all shapes are tried first. */
function shapesOf(shapes: readonly BodyShape[], firstNumber: number, parameters: NamedTexts): string {
  const numbered = shapes.map((shape, at) => ({ ...shape, number: firstNumber + at }));
  const texts = numbered.flatMap(({ text, number }) =>
    text === undefined ? [] : `WHEN is_plain AND body = ${concatenated(text, parameters)} THEN ${number}`,
  );
  const patterns = numbered.map(
    ({ pattern, number }) =>
      `WHEN NOT is_large AND regexp_full_match(body, ${parameters.name(pattern)}) THEN ${number}`,
  );
  return [...texts, ...patterns].join(' ');
}

/** `concat` passes over null, `||` does not. */
function concatenated(text: BodyText, parameters: NamedTexts): string {
  const parts: string[] = [];
  let literal = '';
  const value = (field: string): string => `event.${quoted(field)}`;
  for (const part of text) {
    if (typeof part === 'string') {
      literal += part;
      continue;
    }
    if (literal !== '') parts.push(parameters.name(literal));
    literal = '';
    if ('before' in part) {
      parts.push(`(${parameters.name(part.before)} || ${value(part.field)} || ${parameters.name(part.after)})`);
    } else parts.push(value(part.field));
  }
  if (literal !== '') parts.push(parameters.name(literal));
  return `concat(${parts.join(', ')})`;
}

/** The instants of the event, read once. */
function instantsOf({ fields }: EventRules): string {
  const instants = fields.filter(({ kind }) => kind === 'timestamp');
  if (instants.length === 0) return 'NULL';
  const members = instants.map(({ name }) => `${quoted(name)} := TRY_CAST(event.${quoted(name)} AS TIMESTAMPTZ)`);
  return `struct_pack(${members.join(', ')})`;
}

function timestampsOf({ fields }: EventRules, parameters: NamedTexts): string {
  const checks = fields
    .filter(({ kind }) => kind === 'timestamp')
    .map(({ name, optional }) => {
      const check = `regexp_full_match(event.${quoted(name)}, ${parameters.name(TIMESTAMP)})`;
      return optional ? `(event.${quoted(name)} IS NULL OR ${check})` : check;
    });
  return checks.length === 0 ? 'true' : checks.join(' AND ');
}

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
    if (type === 'timestamp') return `"${name}":"VARCHAR"`;
    return `"${name}":"${optional && type === 'integer' ? 'BIGINT' : TYPES[type]}"`;
  });
  return `'{${members.join(',')}}'`;
}

function readOf({ name, kind }: Pick<RuledField, 'name' | 'kind'>): string {
  return `${kind === 'timestamp' ? 'instants' : 'event'}.${quoted(name)}`;
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
  // Bytes bound code points from above, and one is at least one.
  text: (value, { low, high }) =>
    `strlen(${value}) ${low > 0 ? 'BETWEEN 1 AND' : '<='} ${Math.floor(high)}` +
    (low > 1 ? ` AND length(${value}) >= ${Math.ceil(low)}` : ''),
  integer(value, field) {
    const [low, high] = integerBounds(field);
    return `${value} BETWEEN ${low} AND ${high}`;
  },
  timestamp: (value) =>
    `${value} >= TIMESTAMPTZ '2000-01-01 00:00:00+00' AND ${value} < TIMESTAMPTZ '2100-01-01 00:00:00+00'`,
  flag: (value) => `${value} IS NOT NULL`,
};

function orderOf({ fields }: EventRules, { first, second }: EventRules['orders'][number]): string {
  const [from, to] = [first, second].map((name) => {
    return readOf(
      present(
        fields.find((field) => field.name === name),
        `field ${name}`,
      ),
    );
  });
  return `${to} >= ${from}`;
}
