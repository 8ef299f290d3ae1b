import { readFileSync } from 'node:fs';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import type { ByteColumn } from '../base/byte-column.ts';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import * as sources from './column-source.ts';
import { interruptRunning, whileRunning } from './running-statements.ts';

/**
 * DuckDB as the engine's SQL and Parquet machine: one instance a process, within named limits, always in UTC.
 * This room is the only importer of the driver. Statements take parameters by name; where SQL takes none, as in
 * views, `quotedText` and the like of base/identifiers.ts stand for them.
 */
export interface DatabaseOptions {
  readonly memoryBytesMax: number;
  readonly threads: number;
  /** Where DuckDB spills to. */
  readonly temporaryFolder: string;
}

/** Values of `$name` parameters. Arrays of strings become VARCHAR[]. Integers beyond 2^31 are given as bigint. */
export type Parameters = Readonly<Record<string, string | number | bigint | boolean | null | readonly string[]>>;

export interface Database {
  /**
   * Runs one or more statements; only the last may have parameters. An aborted signal interrupts the statement, and
   * the call rejects with the signal's reason. Throws `internal` with DuckDB's message.
   */
  run(sql: string, parameters?: Parameters, signal?: AbortSignal): Promise<void>;
  /**
   * Rows as objects: BIGINT as bigint, DATE and TIMESTAMPTZ as text (UTC), DECIMAL as text, MAP as Map, BLOB as bytes.
   * The driver drops a byte-order mark from the head of a text: where it matters, select `'|' || x` and cut.
   */
  rows<Row extends Record<string, unknown> = Record<string, unknown>>(
    sql: string,
    parameters?: Parameters,
    signal?: AbortSignal,
  ): Promise<Row[]>;
  /** A second connection to the same instance: it sees its tables and views, but not its temporary ones. */
  connect(): Promise<Database>;
  /** The driver's own connection, for table functions and appenders in src/duckdb and src/delta. */
  readonly connection: DuckDBConnection;
  /** Stops the statement that runs on this connection: it rejects. A process that exits during a statement hangs. */
  interrupt(): void;
  close(): void;
}

/** Opens an in-memory instance. Throws `internal` where the native library cannot be loaded. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const driver = await loadDriver(options.memoryBytesMax);
  const instance = await driver.DuckDBInstance.create(':memory:', {
    // Everything needed is inside the binary; nothing is fetched from the network by naming it.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    memory_limit: `${Math.floor(options.memoryBytesMax / 2 ** 20)}MiB`,
    threads: String(options.threads),
    temp_directory: options.temporaryFolder,
    preserve_insertion_order: 'true',
    enable_external_file_cache: 'false',
  });
  return connect(driver, instance, true);
}

export type ColumnKind = 'text' | 'integer' | 'long' | 'timestamp';

export interface SourceColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** `count` rows; the arrays may be longer. Timestamps are microseconds since 1970-01-01T00:00:00Z. */
export interface ColumnRows {
  readonly count: number;
  readonly columns: readonly (BigInt64Array | Int32Array | ByteColumn)[];
}

/** Rows in memory of this process that SQL reads as `name(id)`, as often as it likes, in their order. */
export interface HeldRows {
  hold(groups: readonly ColumnRows[]): bigint;
  release(id: bigint): void;
}

/**
 * Makes `name` a table function of the instance that streams rows out of typed arrays, without a table between.
 * Texts that are no UTF-8 get replacement characters. Only one function of a name can be defined.
 */
export function defineColumnSource(
  database: Database,
  name: string,
  columns: readonly SourceColumn[],
): Promise<HeldRows> {
  return sources.defineColumnSource(database, name, columns);
}

/** Breaks off all statements of the process, and gives their number: none are left when it says 0. */
export function interruptStatements(): number {
  return interruptRunning();
}

/** Counts what `action` runs on the driver's own connection among the statements that can be broken off. */
export function asStatement<T>(database: Database, action: () => Promise<T>): Promise<T> {
  return whileRunning(database.connection, action);
}

/** The text of a `.sql` file that stands beside the module: `sqlFile(new URL('models/x.sql', import.meta.url))`. */
export function sqlFile(url: URL): string {
  return readFileSync(url, 'utf8');
}

type Driver = typeof import('@duckdb/node-api');

async function connect(driver: Driver, instance: DuckDBInstance, owner: boolean): Promise<Database> {
  const connection = await instance.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  return {
    connection,
    async run(sql, parameters, signal) {
      await guarded(connection, sql, signal, () => connection.run(sql, bound(driver, parameters)));
    },
    async rows<Row extends Record<string, unknown>>(sql: string, parameters?: Parameters, signal?: AbortSignal) {
      const reading = () => connection.runAndReadAll(sql, bound(driver, parameters));
      const reader = await guarded(connection, sql, signal, reading);
      return reader.getRowObjects().map((row) => plain(driver, row)) as Row[];
    },
    connect: () => connect(driver, instance, false),
    interrupt: () => connection.interrupt(),
    close() {
      connection.closeSync();
      if (owner) instance.closeSync();
    },
  };
}

const limits = {
  /** Below this limit freed memory goes back to the system soon: it costs a tenth of the time, and is not kept 10 s. */
  scarceBytes: 256 * MiB,
} as const;

async function loadDriver(memoryBytesMax: number): Promise<Driver> {
  // Of DuckDB's own allocator where it brings one (Linux), read once when the library is loaded: what one thread gives
  // back another can take. An arena a thread keeps some 60 MiB more, and is no faster.
  const soon = memoryBytesMax < limits.scarceBytes ? ',dirty_decay_ms:50,muzzy_decay_ms:0' : '';
  process.env['DUCKDB_JE_MALLOC_CONF'] ??= `narenas:1${soon}`;
  try {
    const driver = await import('@duckdb/node-api');
    // It prints instants in the process's zone otherwise, whatever the session's.
    driver.DuckDBTimestampTZValue.timezoneOffsetInMinutes = 0;
    await keepByteOrderMarks();
    return driver;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `DuckDB cannot be loaded on ${process.platform}-${process.arch}: ${reason}; run npm ci here`;
    throw new SluiceError('internal', message, { cause });
  }
}

/** The driver's own decoder of texts drops U+FEFF at their head: two texts that differ would come out equal. */
async function keepByteOrderMarks(): Promise<void> {
  const { default: accessors } = await import('@duckdb/node-api/lib/vectors/dataAccessors.js');
  (accessors as { textDecoder: unknown }).textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}

async function guarded<T>(
  connection: DuckDBConnection,
  sql: string,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const interrupt = (): void => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  try {
    return await whileRunning(connection, action);
  } catch (error) {
    signal?.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    const head = sql.trim().slice(0, 120).replaceAll(/\s+/g, ' ');
    throw new SluiceError('internal', `DuckDB: ${message}`, { context: { statement: head }, cause: error });
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

function bound(driver: Driver, parameters: Parameters | undefined): Record<string, DuckDBValue> | undefined {
  if (parameters === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, Array.isArray(value) ? driver.listValue(value) : value]),
  ) as Record<string, DuckDBValue>;
}

function plain(driver: Driver, row: Record<string, DuckDBValue>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(driver, value)]));
}

function plainValue(driver: Driver, value: DuckDBValue): unknown {
  if (value instanceof driver.DuckDBListValue) return value.items.map((item) => plainValue(driver, item));
  if (value instanceof driver.DuckDBArrayValue) return value.items.map((item) => plainValue(driver, item));
  if (value instanceof driver.DuckDBMapValue) {
    return new Map(value.entries.map(({ key, value: item }) => [plainValue(driver, key), plainValue(driver, item)]));
  }
  if (value instanceof driver.DuckDBStructValue) return plain(driver, value.entries as Record<string, DuckDBValue>);
  if (value instanceof driver.DuckDBBlobValue) return value.bytes;
  if (typeof value === 'object' && value !== null) return value.toString();
  return value;
}
