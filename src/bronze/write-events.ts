import { bronzeTable } from '../../schemas/bronze-table.ts';
import { createColumnFile, type DataFile } from '../delta/delta.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import { bronzeRows } from './bronze-rows.ts';
import type { RangeOptions } from './bronze.ts';

/** Writes events as a bronze file that nobody refers to yet. */
export async function writeEvents(
  { table, clock, runId, scratch }: RangeOptions,
  batches: readonly EventBatch[],
  signal: AbortSignal,
): Promise<DataFile[]> {
  const nowMs = clock.nowMs();
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const file = await createColumnFile(table, bronzeTable, { ingestion_date: day }, scratch);
  try {
    for (const batch of batches) await file.append(bronzeRows(batch, { ingestedAtUs: BigInt(nowMs) * 1000n, runId }));
    return [await file.store(signal)];
  } catch (error) {
    await file.discard();
    throw error;
  }
}
