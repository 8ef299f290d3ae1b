import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { valueAt } from '../../src/base/byte-column.ts';
import type { ColumnRows, Database, Parameters } from '../../src/duckdb/duckdb.ts';
import { sqlFile } from '../../src/duckdb/duckdb.ts';
import { duckdbType } from '../../src/delta/table-schema.ts';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { ARRIVED_COLUMNS } from '../../src/bronze/bronze-rows.ts';

const FLUSH = sqlFile(new URL('../../src/bronze/flush.sql', import.meta.url));
const FLUSHED_EVENTS = sqlFile(new URL('../../src/bronze/flushed-events.sql', import.meta.url));
const GAP_ROWS = sqlFile(new URL('../../src/bronze/gap-rows.sql', import.meta.url));

type Row = Record<string, unknown>;

/** What a table function was made from: the driver keeps it to itself. */
interface FunctionDefinition {
  bindFunction(info: BindInfo): void;
}
interface BindInfo {
  getParameter(index: number): unknown;
  addResultColumn(): void;
  setCardinality(): void;
  setBindData(data: { readonly groups: readonly ColumnRows[] }): void;
  setError(message: string): void;
}

/**
 * Stands for DuckDB where thousands of crashes are played and nobody asks how a Parquet file is written: it knows the
 * few statements of bronze, throws at any other, and "copies" the rows as lines of JSON. What is tested against it
 * is tested against DuckDB too, only less often.
 */
export function openPaperDatabase(): Database {
  const definitions = rememberDefinitions();
  let source: FunctionDefinition | undefined;
  let flushed: Row[] = [];
  let gaps: Row[] = [];
  const rowsOf = (sql: string): Row[] => (sql.includes('"flushed_events"') ? flushed : gaps);
  const database: Database = {
    connection: {
      registerTableFunction: (made: object) => void (source = definitions.get(made)),
    } as unknown as Database['connection'],
    async run(sql, parameters = {}) {
      if (sql === FLUSH) flushed = heldRows(source, parameters);
      else if (sql === GAP_ROWS) gaps = [{ ...parameters }];
      else if (sql !== FLUSHED_EVENTS) throw new Error(`not on paper: ${sql}`);
    },
    async rows<Found extends Record<string, unknown>>(sql: string, parameters: Parameters = {}, signal?: AbortSignal) {
      signal?.throwIfAborted();
      return (await answer(sql, parameters, rowsOf(sql))) as Found[];
    },
    connect: async () => openPaperDatabase(),
    interrupt: () => undefined,
    close: () => undefined,
  };
  return database;
}

async function answer(sql: string, parameters: Parameters, rows: readonly Row[]): Promise<readonly Row[]> {
  if (sql.startsWith('DESCRIBE')) {
    const { columns } = sql.includes('"flushed_events"') ? bronzeTable : gapsTable;
    return columns.map(({ name, type }) => ({ column_name: name, column_type: duckdbType(type) }));
  }
  if (sql.startsWith('SELECT DISTINCT')) return rows.length === 0 ? [] : [{ ingestion_date: '2026-11-22' }];
  if (sql.startsWith('COPY')) {
    const text = rows.map((row) => JSON.stringify(row, (_, value: unknown) => plain(value))).join('\n');
    await writeFile(String(parameters['file']), text);
    return [{ count: BigInt(rows.length), column_statistics: new Map() }];
  }
  if (sql.includes('parquet_metadata')) return [];
  throw new Error(`not on paper: ${sql}`);
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The rows that this process holds under the id, by the definition of the table function that DuckDB would call. */
function heldRows(source: FunctionDefinition | undefined, parameters: Parameters): Row[] {
  let groups: readonly ColumnRows[] = [];
  source?.bindFunction({
    getParameter: () => parameters['arrived'],
    addResultColumn: () => undefined,
    setCardinality: () => undefined,
    setBindData: (data) => void (groups = data.groups),
    setError(message) {
      throw new Error(message);
    },
  });
  return groups.flatMap((group) =>
    Array.from({ length: group.count }, (_, row) =>
      Object.fromEntries(ARRIVED_COLUMNS.map(({ name }, column) => [name, valueOf(group, column, row)])),
    ),
  );
}

function valueOf({ columns }: ColumnRows, column: number, row: number): unknown {
  const values = columns[column];
  if (values === undefined || !('bytes' in values)) return values?.[row];
  if (values.nulls?.[row] === 1) return null;
  return Buffer.from(valueAt(values, row) ?? []).toString('utf8');
}

let definitionsMade: WeakMap<object, FunctionDefinition> | undefined;

function rememberDefinitions(): WeakMap<object, FunctionDefinition> {
  if (definitionsMade !== undefined) return definitionsMade;
  const made = new WeakMap<object, FunctionDefinition>();
  const require = createRequire(import.meta.url);
  const { DuckDBTableFunction: original } = require('@duckdb/node-api') as {
    DuckDBTableFunction: { create: (definition: FunctionDefinition) => object };
  };
  const create = original.create.bind(original);
  original.create = (definition) => {
    const result = create(definition);
    made.set(result, definition);
    return result;
  };
  definitionsMade = made;
  return made;
}
