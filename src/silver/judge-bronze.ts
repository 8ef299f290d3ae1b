import type { Column } from '../../schemas/contract.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { BodyShape } from './body-shape.ts';
import type { EventRules } from './event-rules.ts';
import { RowJudge } from './judge-rows.ts';
import type { LearnedShapes } from './learned-shapes.ts';
import { matchShapes } from './match-shapes.ts';
import { UnknownNames } from './unknown-names.ts';

const readBronzeSql = sqlFile(new URL('statements/read-bronze.sql', import.meta.url));
const readLeftOverSql = sqlFile(new URL('statements/read-left-over.sql', import.meta.url));
const leftOverCountsSql = sqlFile(new URL('statements/left-over-counts.sql', import.meta.url));
const leftOverSampleSql = sqlFile(new URL('statements/left-over-sample.sql', import.meta.url));
const shapeCountsSql = sqlFile(new URL('statements/shape-counts.sql', import.meta.url));
const addAppendedSql = sqlFile(new URL('statements/add-appended.sql', import.meta.url));

const limits = {
  /** Rows left over that zod judges without learning from them first: it is done with them sooner. */
  leftRowsMax: 500,
  /** The same as a share of the slice. */
  leftShareMax: 0.02,
  /** Rows judged to learn the shapes of the others. */
  sampleRows: 500,
} as const;

export interface Judged {
  readonly rowsIn: number;
  readonly accepted: number;
  /** Of these, rows that SQL accepted by their shape. */
  readonly acceptedByShape: number;
  /** By reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** By name, the first 20 met: accepted events that had a field of this name. */
  readonly unknownFields: Readonly<Record<string, number>>;
}

export const NOTHING_JUDGED: Judged = { rowsIn: 0, accepted: 0, acceptedByShape: 0, rejected: {}, unknownFields: {} };

/**
 * Judges every row of the relation `bronze` by the contract (domain section 1) and makes two tables in the schema:
 * `judged` (the contract's fields and the row's origin, in the types of the silver table) and `refused` (origin,
 * reason, body). SQL accepts the rows whose body has a known shape; the rest is zod's, which alone refuses.
 */
export async function judgeBronze(
  area: Database,
  schema: string,
  shapes: LearnedShapes,
  keptBytesMax: number,
  signal: AbortSignal,
): Promise<Judged> {
  // A stream holds its connection, so that the rows go back through another one.
  const writer = await area.connect();
  const unknown = new UnknownNames();
  try {
    await writer.run(createTables(schema, shapes.dataset.fields));
    const isFast = shapes.rules !== undefined;
    const acceptedByShape = isFast ? await judgeByShape(area, shapes, shapes.rules, keptBytesMax, unknown, signal) : 0;
    const rows = await RowJudge.open(writer, schema, shapes.dataset, unknown);
    if (isFast) await judgeLeftOver(area, rows, keptBytesMax, signal);
    else await rows.judgeAll(area, readBronzeSql, { taken_above_bytes: -1 }, signal);
    rows.close();
    await area.run(filled(addAppendedSql, { instants: instantsOf(shapes.dataset.fields) }), undefined, signal);
    await area.run('DROP TABLE appended');
    return {
      rowsIn: rows.rowsIn + acceptedByShape,
      accepted: rows.accepted + acceptedByShape,
      acceptedByShape,
      rejected: Object.fromEntries(rows.reasons),
      unknownFields: unknown.result(),
    };
  } finally {
    writer.close();
  }
}

/** The fast path: fills `judged`, leaves the rest in `left_over`, and gives the number of rows accepted. */
async function judgeByShape(
  area: Database,
  shapes: LearnedShapes,
  rules: EventRules,
  keptBytesMax: number,
  unknown: UnknownNames,
  signal: AbortSignal,
): Promise<number> {
  const numbered: BodyShape[] = [...shapes.list()];
  await matchShapes(area, rules, 'bronze', keptBytesMax, numbered, 1, signal);
  const [judged] = await area.rows<{ rows: bigint }>('SELECT count(*) AS rows FROM judged');
  const left = await leftOver(area);
  if (left.rows > Math.max(limits.leftRowsMax, limits.leftShareMax * (Number(judged?.rows) + left.rows))) {
    const sample = filled(leftOverSampleSql, { rows: String(limits.sampleRows) });
    const bodies = await area.rows<{ marked_body: string }>(sample, undefined, signal);
    const learned = shapes.learn(bodies.map(({ marked_body: marked }) => marked.slice(1)));
    if (learned.length > 0) {
      await matchShapes(area, rules, 'left_over', keptBytesMax, learned, numbered.length + 1, signal);
      numbered.push(...learned);
    }
  }
  return countShapes(area, shapes, numbered, unknown);
}

interface ShapeCount extends Record<string, unknown> {
  readonly shape: number;
  readonly rows: bigint;
  readonly first_position: bigint;
}

async function countShapes(
  area: Database,
  shapes: LearnedShapes,
  numbered: readonly BodyShape[],
  unknown: UnknownNames,
): Promise<number> {
  const counts = new Map((await area.rows<ShapeCount>(shapeCountsSql)).map((row) => [numbered[row.shape - 1], row]));
  for (const [shape, { rows, first_position: position }] of counts) {
    unknown.addRows(shape?.unknown ?? [], Number(rows), Number(position));
  }
  shapes.keep((shape) => counts.has(shape));
  for (const column of ['shape', 'position', 'is_large', 'body', 'body_base64']) {
    await area.run(`ALTER TABLE judged DROP COLUMN ${column}`);
  }
  return [...counts.values()].reduce((sum, { rows }) => sum + Number(rows), 0);
}

async function judgeLeftOver(area: Database, rows: RowJudge, keptBytesMax: number, signal: AbortSignal): Promise<void> {
  const { large } = await leftOver(area);
  await rows.judgeAll(area, readLeftOverSql, undefined, signal);
  if (large > 0) await rows.judgeAll(area, readBronzeSql, { taken_above_bytes: keptBytesMax }, signal);
  await area.run('DROP TABLE left_over');
}

async function leftOver(area: Database): Promise<{ rows: number; large: number }> {
  const [counts] = await area.rows<{ rows: bigint; large: bigint }>(leftOverCountsSql);
  return { rows: Number(counts?.rows ?? 0), large: Number(counts?.large ?? 0) };
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
};

/** The driver's appender takes instants as microseconds alone. */
function appendedType(type: Column['type']): string {
  return type === 'timestamp' ? 'BIGINT' : (TYPES[type] ?? '');
}

const ORIGIN: readonly Column[] = [
  { name: 'enqueued_at', type: 'timestamp' },
  { name: 'partition_id', type: 'integer' },
  { name: 'sequence_number', type: 'long' },
];

function createTables(schema: string, fields: readonly Column[]): string {
  const columns = (some: readonly Column[], typeOf: (type: Column['type']) => string | undefined): string =>
    some.map(({ name, type }) => `${quoted(name)} ${typeOf(type)}`).join(', ');
  const origin = columns(ORIGIN, appendedType);
  return `CREATE OR REPLACE TABLE ${quoted(schema)}.judged (${columns([...fields, ...ORIGIN], (type) => TYPES[type])});
    CREATE OR REPLACE TABLE ${quoted(schema)}.appended (${columns(fields, appendedType)}, ${origin});
    CREATE OR REPLACE TABLE ${quoted(schema)}.refused (${origin}, reason VARCHAR, body VARCHAR, body_base64 VARCHAR)`;
}

function instantsOf(fields: readonly Column[]): string {
  const names = fields.filter(({ type }) => type === 'timestamp').map(({ name }) => name);
  return [...names, 'enqueued_at'].map((name) => `make_timestamptz(${quoted(name)}) AS ${quoted(name)}`).join(', ');
}
