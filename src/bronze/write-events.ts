import { bronzeTable } from '../../schemas/bronze-table.ts';
import { writeFiles, type DataFile } from '../delta/delta.ts';
import { defineColumnSource, sqlFile } from '../duckdb/duckdb.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import { ARRIVED_COLUMNS, bronzeRows } from './bronze-rows.ts';
import type { RangeOptions } from './bronze.ts';

const FLUSHED_EVENTS = sqlFile(new URL('flushed-events.sql', import.meta.url));
const FLUSH = sqlFile(new URL('flush.sql', import.meta.url));

/** Writes events as a bronze file that nobody refers to yet. */
export async function writeEvents(
  { table, clock, runId, scratch, openDatabase }: RangeOptions,
  batches: readonly EventBatch[],
  signal: AbortSignal,
): Promise<DataFile[]> {
  const database = await (await openDatabase()).connect();
  const rows = await defineColumnSource(database, 'arrived_events', ARRIVED_COLUMNS);
  const arrived = rows.hold(batches.map(bronzeRows));
  try {
    const ingestedAtUs = BigInt(clock.nowMs()) * 1000n;
    await database.run(FLUSH, { arrived, ingested_at_us: ingestedAtUs, run_id: runId });
    await database.run(FLUSHED_EVENTS);
    const options = { dictionaries: false };
    return await writeFiles(database, table, bronzeTable, 'flushed_events', scratch, signal, options);
  } finally {
    rows.release(arrived);
    database.close();
  }
}
