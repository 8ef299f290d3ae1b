import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bronzeTable } from '../schemas/bronze-table.ts';
import { systemClock } from '../src/base/clock.ts';
import { MiB } from '../src/base/limits.ts';
import { byteColumnOf } from '../src/base/byte-column.ts';
import { commit, createColumnFile, ensureTable } from '../src/delta/delta.ts';
import type { DataFile, TableLocation } from '../src/delta/delta.ts';
import { openDatabase, sqlFile } from '../src/duckdb/duckdb.ts';
import type { Database } from '../src/duckdb/duckdb.ts';
import { openParquetFile } from '../src/parquet/parquet.ts';
import type { ColumnPart, StoredColumn, StoredValues } from '../src/parquet/parquet.ts';
import { openStore, parseLake } from '../src/storage/open-store.ts';
import { openScratch } from '../src/storage/scratch.ts';
import type { Scratch } from '../src/storage/scratch.ts';

const rowsSql = sqlFile(new URL('bronze-rows.sql', import.meta.url));
/** What a drain commits at once: its buffer of 12 MiB. */
const ROWS_A_COMMIT = 36_000;
const DAY_US = 86_400_000_000;

export interface BronzeRows {
  readonly events: number;
  /** Number of the first event, which makes its ids: more events of the same numbers are the same events. */
  readonly first?: number;
  /** Days that these events take, one after the other; event 0 is of 2026-01-05. */
  readonly days: number;
  /** Whether 1 % are no events and 5 % were sent before; true. */
  readonly hostile?: boolean;
  readonly rowsACommit?: number;
}

/** Adds rows of call_legs to the bronze table of a lake in a folder, straight, as a drain would have left them. */
export async function makeBronze(lake: string, rows: BronzeRows, signal: AbortSignal): Promise<void> {
  const store = await openStore(parseLake(lake), { connectionString: undefined, create: true }, signal);
  const location = { store, root: 'bronze/call_legs' };
  const context = { clock: systemClock, runId: 'bench' };
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-bronze-'));
  const database = await openDatabase({ memoryBytesMax: 1024 * MiB, threads: 2, temporaryFolder: folder });
  const scratch = await openScratch(folder, 64 * MiB);
  const first = rows.first ?? 0;
  const atOnce = rows.rowsACommit ?? ROWS_A_COMMIT;
  try {
    let snapshot = await ensureTable(location, bronzeTable, { context }, signal);
    for (let made = 0; made < rows.events; made += atOnce) {
      await database.run(rowsSql, {
        first: first + made,
        rows: Math.min(atOnce, rows.events - made),
        apart_us: BigInt(Math.max(1, Math.floor((rows.days * DAY_US) / rows.events))),
        hostile: rows.hostile ?? true,
        start_us: BigInt(Date.UTC(2026, 0, 5)) * 1000n,
      });
      const add = [await writeAsDrained(database, location, scratch, signal)];
      const result = await commit(location, snapshot, { operation: 'WRITE', add }, context, signal);
      if (result.kind !== 'committed') throw new Error(`bronze rows were not committed: ${result.reason}`);
      snapshot = result.snapshot;
    }
  } finally {
    database.close();
    await scratch.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The rows of `staged`, all of one day, in a file of the writer that a drain has. */
async function writeAsDrained(
  database: Database,
  location: TableLocation,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<DataFile> {
  const plain = scratch.newFile('.parquet');
  await database.run(`COPY staged TO '${plain}' (FORMAT parquet, COMPRESSION uncompressed)`);
  const [first] = await database.rows<{ day: string }>('SELECT min(ingestion_date)::VARCHAR AS day FROM staged');
  const columns = bronzeTable.columns.filter(({ name }) => !bronzeTable.partitionColumns.includes(name));
  const stored = await openParquetFile(plain, columns as StoredColumn[]);
  if (stored === undefined || first === undefined) throw new Error('staged rows are not readable');
  const file = await createColumnFile(location, bronzeTable, { ingestion_date: first.day }, scratch);
  for await (const { count, columns: values } of stored.rows()) {
    await file.append({ count, columns: values.map((column) => partOf(column, count)) });
  }
  await stored.close();
  await rm(plain);
  return file.store(signal);
}

function partOf(column: StoredValues, count: number): ColumnPart {
  const { first } = column;
  if ('values' in column) return column.values.subarray(first, first + count);
  const texts = Array.from({ length: count }, (_, row) => {
    const at = first + row;
    return column.nulls?.[at] === 1 ? undefined : column.bytes.subarray(column.starts[at], column.ends[at]);
  });
  return byteColumnOf(texts);
}
