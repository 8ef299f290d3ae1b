import type { Column, DimensionContract } from '../../schemas/contract.ts';
import { SluiceError, isAbort } from '../base/errors.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { inWorkArea } from '../base/work-area.ts';
import { commit, ensureTable, writeFiles, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { readRows, type SourceRow } from './dimension-rows.ts';
import type { DimensionOptions, DimensionOutcome } from './silver.ts';

const repeatedKeySql = sqlFile(new URL('statements/repeated-key.sql', import.meta.url));

/** Tries to replace the table while other writers change it. */
const ATTEMPTS_MAX = 5;

/** See the door. */
export async function replaceDimension(options: DimensionOptions, signal: AbortSignal): Promise<DimensionOutcome> {
  const { contract, table, clock, runId, log } = options;
  const context = { clock, runId, log };
  const database = await options.openDatabase();
  return inWorkArea(
    database,
    `dimension_${contract.name}`,
    async (area) => {
      const rows = await makeTable(area, options, signal);
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const snapshot = await ensureTable(table, contract.table, { context }, signal);
        const add = await writeFiles(area, table, contract.table, 'dimension', options.scratch, signal);
        const remove = [...snapshot.files.values()];
        const change = { operation: 'WRITE', parameters: { mode: 'Overwrite' }, add, remove, fence: options.fence };
        const result = await commit(table, snapshot, { ...change, reads: 'all' }, context, signal);
        if (result.kind === 'committed') return { dimension: contract.name, outcome: 'complete', rows };
        if (result.reason === 'fenced') return { dimension: contract.name, outcome: 'locked', rows: 0 };
      }
      const message = `${table.root}: other writers changed the table during ${ATTEMPTS_MAX} tries in a row; run again`;
      throw new SluiceError('table_conflict', message, { context: { dimension: contract.name } });
    },
    signal,
  );
}

/** See the door. */
export function ensureDimension(
  options: Pick<DimensionOptions, 'clock' | 'runId' | 'table' | 'contract'>,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { clock, runId, table, contract } = options;
  return ensureTable(table, contract.table, { context: { clock, runId } }, signal);
}

/** Makes the table `dimension` of rows that the contract took; gives their number. */
async function makeTable(area: Database, options: DimensionOptions, signal: AbortSignal): Promise<number> {
  const { contract, source } = options;
  const columns = contract.table.columns;
  await area.run(`CREATE OR REPLACE TABLE taken (${columns.map(takenColumn).join(', ')})`);
  const writer = await area.connect();
  let rows = 0;
  try {
    const appender = await writer.connection.createAppender('taken', `dimension_${contract.name}`);
    for await (const row of readRows(area, contract, source, signal)) {
      rows += 1;
      const values = taken(contract, row, rows);
      for (const { name, type } of columns) {
        const value = values[name] ?? null;
        if (value === null) appender.appendNull();
        else if (type === 'integer') appender.appendInteger(Number(value));
        else if (type === 'long') appender.appendBigInt(BigInt(value as number));
        else appender.appendVarchar(String(value));
      }
      appender.endRow();
    }
    appender.closeSync();
  } finally {
    writer.close();
  }
  await area
    .run(`CREATE OR REPLACE TABLE dimension AS SELECT ${columns.map(typedColumn).join(', ')} FROM taken`)
    .catch((cause: unknown) => {
      if (isAbort(cause)) throw cause;
      const message = `a date or time of the dimension ${contract.name} is none that exists; nothing changed`;
      throw new SluiceError('dimension_invalid', message, { context: { dimension: contract.name }, cause });
    });
  await checkKeys(area, contract);
  return rows;
}

const takenColumn = ({ name, type }: Column): string =>
  `${quoted(name)} ${type === 'integer' ? 'INTEGER' : type === 'long' ? 'BIGINT' : 'VARCHAR'}`;

const typedColumn = ({ name, type }: Column): string => {
  const cast = type === 'date' ? '::DATE' : type === 'timestamp' ? '::TIMESTAMPTZ' : '';
  return `${quoted(name)}${cast} AS ${quoted(name)}`;
};

function taken(contract: DimensionContract, row: SourceRow, number: number): Record<string, unknown> {
  const result = contract.row.safeParse(row);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const column = String(issue?.path[0] ?? '');
  const key = String(row[contract.key] ?? 'null');
  const message =
    `row ${number} (${contract.key} ${key}) of the dimension ${contract.name}, column ${column}: ` +
    `${issue?.message ?? 'invalid'}; nothing changed`;
  throw new SluiceError('dimension_invalid', message, { context: { dimension: contract.name, column, row: number } });
}

async function checkKeys(area: Database, { name, key }: DimensionContract): Promise<void> {
  const [found] = await area.rows<{ repeated: string; times: bigint }>(
    filled(repeatedKeySql, { key: quotedList([key]) }),
  );
  if (found === undefined) return;
  const message = `the dimension ${name} has ${key} ${found.repeated} ${found.times} times; nothing changed`;
  throw new SluiceError('dimension_invalid', message, { context: { dimension: name, key: found.repeated } });
}
