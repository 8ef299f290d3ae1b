import type { Column, DatasetContract } from '../../schemas/contract.ts';
import { assert } from '../base/assert.ts';
import { MiB } from '../base/limits.ts';
import type { Database } from '../duckdb/duckdb.ts';
import { judge, type EventValue, type Verdict } from './judge.ts';
import type { UnknownNames } from './unknown-names.ts';

const limits = {
  /** Bodies refused and not yet in their table: the driver's chunks lie outside DuckDB's memory. */
  unflushedBytesMax: 4 * MiB,
} as const;

type Appender = Awaited<ReturnType<Database['connection']['createAppender']>>;

type Chunk = NonNullable<Awaited<ReturnType<Awaited<ReturnType<Database['connection']['stream']>>['fetchChunk']>>>;

/** Columns of read-bronze.sql and read-left-over.sql. */
const COLUMNS = {
  markedBody: 0,
  bodyBase64: 1,
  partitionId: 2,
  sequenceNumber: 3,
  enqueuedAtUs: 4,
  position: 5,
  isTaken: 6,
} as const;

interface Origin {
  readonly body: string | null;
  readonly bodyBase64: string | null;
  readonly partitionId: number;
  readonly sequenceNumber: bigint;
  readonly enqueuedAtUs: bigint;
}

/** Judges rows by zod into the tables `appended` and `refused`, and counts. */
export class RowJudge {
  readonly #dataset: DatasetContract;
  readonly #unknown: UnknownNames;
  readonly #accepted: Appender;
  readonly #refused: Appender;
  readonly reasons = new Map<string, number>();
  rowsIn = 0;
  accepted = 0;
  #unflushedBytes = 0;

  private constructor(dataset: DatasetContract, unknown: UnknownNames, accepted: Appender, refused: Appender) {
    this.#dataset = dataset;
    this.#unknown = unknown;
    this.#accepted = accepted;
    this.#refused = refused;
  }

  /** The writer's tables in the schema; another connection than the one that rows are read through. */
  static async open(
    writer: Database,
    schema: string,
    dataset: DatasetContract,
    unknown: UnknownNames,
  ): Promise<RowJudge> {
    const accepted = await writer.connection.createAppender('appended', schema);
    return new RowJudge(dataset, unknown, accepted, await writer.connection.createAppender('refused', schema));
  }

  /** The rows of a statement that selects what read-left-over.sql does, in chunks of DuckDB's. */
  async judgeAll(
    database: Database,
    sql: string,
    parameters: Record<string, number> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const rows = await database.connection.stream(sql, parameters);
    for (let chunk = await rows.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
      signal.throwIfAborted();
      this.#take(chunk);
    }
  }

  close(): void {
    this.#accepted.closeSync();
    this.#refused.closeSync();
  }

  /**
   * Texts are made row by row, past the cache of their vector: those of a whole chunk would be old, and many, before
   * the collector comes.
   */
  #take(chunk: Chunk): void {
    const valuesOf = (column: keyof typeof COLUMNS) => chunk.getColumnValues(COLUMNS[column]);
    const [partitionId, sequenceNumber, enqueuedAtUs, position, isTaken] = [
      valuesOf('partitionId'),
      valuesOf('sequenceNumber'),
      valuesOf('enqueuedAtUs'),
      valuesOf('position'),
      valuesOf('isTaken'),
    ];
    const marked = chunk.getColumnVector(COLUMNS.markedBody);
    const base64 = chunk.getColumnVector(COLUMNS.bodyBase64);
    for (let row = 0; row < chunk.rowCount; row++) {
      if (isTaken[row] !== true) continue;
      const origin: Origin = {
        body: textAt(marked, row)?.slice(1) ?? null,
        bodyBase64: textAt(base64, row),
        partitionId: Number(partitionId[row]),
        sequenceNumber: bigint(sequenceNumber[row]),
        enqueuedAtUs: bigint(enqueuedAtUs[row]),
      };
      this.rowsIn++;
      this.#put(origin, judge(this.#dataset, origin.body), Number(position[row]));
    }
  }

  #put(origin: Origin, verdict: Verdict, position: number): void {
    if (!verdict.accepted) {
      this.reasons.set(verdict.reason, (this.reasons.get(verdict.reason) ?? 0) + 1);
      this.#refuse(origin, verdict.reason);
      return;
    }
    this.accepted++;
    for (const { name, type } of this.#dataset.fields) append(this.#accepted, type, verdict.values[name] ?? null);
    this.#accepted.appendBigInt(origin.enqueuedAtUs);
    this.#accepted.appendInteger(origin.partitionId);
    this.#accepted.appendBigInt(origin.sequenceNumber);
    this.#accepted.endRow();
    this.#unknown.addRow(verdict.unknown, position);
  }

  #refuse(origin: Origin, reason: string): void {
    this.#refused.appendBigInt(origin.enqueuedAtUs);
    this.#refused.appendInteger(origin.partitionId);
    this.#refused.appendBigInt(origin.sequenceNumber);
    this.#refused.appendVarchar(reason);
    append(this.#refused, 'string', origin.body);
    append(this.#refused, 'string', origin.bodyBase64);
    this.#refused.endRow();
    this.#unflushedBytes += (origin.body?.length ?? 0) + (origin.bodyBase64?.length ?? 0);
    if (this.#unflushedBytes < limits.unflushedBytesMax) return;
    this.#refused.flushSync();
    this.#unflushedBytes = 0;
  }
}

type Vector = ReturnType<Chunk['getColumnVector']>;

/** Past the vector's cache. */
function textAt(vector: Vector, row: number): string | null {
  const text = vector.slice(row, 1).getItem(0);
  return typeof text === 'string' ? text : null;
}

function bigint(value: unknown): bigint {
  assert(typeof value === 'bigint', 'the statement gives whole numbers of 64 bits');
  return value;
}

function append(appender: Appender, type: Column['type'], value: EventValue): void {
  if (value === null) appender.appendNull();
  else if (typeof value === 'string') appender.appendVarchar(value);
  else if (typeof value === 'boolean') appender.appendBoolean(value);
  else if (type === 'integer') appender.appendInteger(value);
  else appender.appendBigInt(BigInt(value));
}
