import type { Column, DatasetContract } from '../../schemas/contract.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { judge, type EventValue, type Verdict } from './judge.ts';

const read = sqlFile(new URL('statements/read-bronze.sql', import.meta.url));
const judgedSql = sqlFile(new URL('statements/judged.sql', import.meta.url));

/** Unknown field names that the receipt shows; the others are only ignored. */
export const UNKNOWN_NAMES_MAX = 20;

export interface Judged {
  readonly rowsIn: number;
  readonly accepted: number;
  /** By reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** By name, the first 20 met: accepted events that had a field of this name. */
  readonly unknownFields: Readonly<Record<string, number>>;
}

export const NOTHING_JUDGED: Judged = { rowsIn: 0, accepted: 0, rejected: {}, unknownFields: {} };

type Appender = Awaited<ReturnType<Database['connection']['createAppender']>>;

/**
 * Judges every row of the relation `bronze` by the contract (domain section 1) and makes two tables in the schema:
 * `judged` (the contract's fields and the row's origin, in the types of the silver table) and `refused` (origin,
 * reason, body). Rows pass by in chunks of DuckDB's.
 */
export async function judgeBronze(
  database: Database,
  schema: string,
  dataset: DatasetContract,
  signal: AbortSignal,
): Promise<Judged> {
  // A stream holds its connection, so that the rows go back through another one.
  const writer = await database.connect();
  try {
    await writer.run(createTables(schema, dataset.fields));
    const accepted = await writer.connection.createAppender('appended', schema);
    const refused = await writer.connection.createAppender('refused', schema);
    const tally = new Tally(dataset, accepted, refused);
    const rows = await database.connection.stream(read);
    for (let chunk = await rows.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
      signal.throwIfAborted();
      tally.take(chunk.getColumns() as unknown as BronzeColumns);
    }
    accepted.closeSync();
    refused.closeSync();
    await database.run(filled(judgedSql, { instants: instantsOf(dataset.fields) }));
    await database.run('DROP TABLE appended');
    return tally.result();
  } finally {
    writer.close();
  }
}

/** Columns of read-bronze.sql in order. The body has a mark in front: the driver drops U+FEFF at a string's head. */
type BronzeColumns = readonly [
  markedBody: readonly (string | null)[],
  bodyBase64: readonly (string | null)[],
  partitionId: readonly number[],
  sequenceNumber: readonly bigint[],
  enqueuedAtUs: readonly bigint[],
];

interface Origin {
  readonly body: string | null;
  readonly bodyBase64: string | null;
  readonly partitionId: number;
  readonly sequenceNumber: bigint;
  readonly enqueuedAtUs: bigint;
}

class Tally {
  readonly #dataset: DatasetContract;
  readonly #accepted: Appender;
  readonly #refused: Appender;
  readonly #reasons = new Map<string, number>();
  readonly #unknown = new Map<string, number>();
  #rowsIn = 0;
  #acceptedCount = 0;

  constructor(dataset: DatasetContract, accepted: Appender, refused: Appender) {
    this.#dataset = dataset;
    this.#accepted = accepted;
    this.#refused = refused;
  }

  take([markedBody, bodyBase64, partitionId, sequenceNumber, enqueuedAtUs]: BronzeColumns): void {
    for (let row = 0; row < markedBody.length; row++) {
      const origin: Origin = {
        body: markedBody[row]?.slice(1) ?? null,
        bodyBase64: bodyBase64[row] ?? null,
        partitionId: partitionId[row] ?? 0,
        sequenceNumber: sequenceNumber[row] ?? 0n,
        enqueuedAtUs: enqueuedAtUs[row] ?? 0n,
      };
      this.#rowsIn++;
      this.#put(origin, judge(this.#dataset, origin.body));
    }
  }

  result(): Judged {
    return {
      rowsIn: this.#rowsIn,
      accepted: this.#acceptedCount,
      rejected: Object.fromEntries(this.#reasons),
      unknownFields: Object.fromEntries(this.#unknown),
    };
  }

  #put(origin: Origin, verdict: Verdict): void {
    if (!verdict.accepted) {
      this.#reasons.set(verdict.reason, (this.#reasons.get(verdict.reason) ?? 0) + 1);
      appendRefused(this.#refused, origin, verdict.reason);
      return;
    }
    this.#acceptedCount++;
    for (const { name, type } of this.#dataset.fields) append(this.#accepted, type, verdict.values[name] ?? null);
    this.#accepted.appendBigInt(origin.enqueuedAtUs);
    this.#accepted.appendInteger(origin.partitionId);
    this.#accepted.appendBigInt(origin.sequenceNumber);
    this.#accepted.endRow();
    for (const name of verdict.unknown) {
      const count = this.#unknown.get(name);
      if (count !== undefined || this.#unknown.size < UNKNOWN_NAMES_MAX) this.#unknown.set(name, (count ?? 0) + 1);
    }
  }
}

function appendRefused(appender: Appender, origin: Origin, reason: string): void {
  appender.appendBigInt(origin.enqueuedAtUs);
  appender.appendInteger(origin.partitionId);
  appender.appendBigInt(origin.sequenceNumber);
  appender.appendVarchar(reason);
  append(appender, 'string', origin.body);
  append(appender, 'string', origin.bodyBase64);
  appender.endRow();
}

function append(appender: Appender, type: Column['type'], value: EventValue): void {
  if (value === null) appender.appendNull();
  else if (typeof value === 'string') appender.appendVarchar(value);
  else if (typeof value === 'boolean') appender.appendBoolean(value);
  else if (type === 'integer') appender.appendInteger(value);
  else appender.appendBigInt(BigInt(value));
}

/** What the driver's appender takes: instants as microseconds, which the statements turn into timestamps. */
const APPENDED: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
  timestamp: 'BIGINT',
};

const ORIGIN = 'enqueued_at BIGINT, partition_id INTEGER, sequence_number BIGINT';

function createTables(schema: string, fields: readonly Column[]): string {
  const columns = fields.map(({ name, type }) => `${quoted(name)} ${APPENDED[type]}`).join(', ');
  return `CREATE OR REPLACE TABLE ${quoted(schema)}.appended (${columns}, ${ORIGIN});
    CREATE OR REPLACE TABLE ${quoted(schema)}.refused (${ORIGIN}, reason VARCHAR, body VARCHAR, body_base64 VARCHAR)`;
}

function instantsOf(fields: readonly Column[]): string {
  const names = fields.filter(({ type }) => type === 'timestamp').map(({ name }) => name);
  return [...names, 'enqueued_at'].map((name) => `make_timestamptz(${quoted(name)}) AS ${quoted(name)}`).join(', ');
}
