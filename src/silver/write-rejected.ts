import { writeFiles, type DataFile, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import type { SilverOptions } from './silver.ts';

const rejectedSql = sqlFile(new URL('statements/rejected.sql', import.meta.url));
const refusedBytesSql = sqlFile(new URL('statements/refused-bytes.sql', import.meta.url));

const limits = {
  /** Of the bytes of bodies that are judged at once: a row group is held as rows, as a page and compressed. */
  groupShare: 1 / 8,
  /** DuckDB's own. */
  groupRowsMax: 122_880,
  groupRowsMin: 2_048,
} as const;

/** Writes the rows of the table `refused` as rejected events to a file that nobody refers to yet; none: no file. */
export async function writeRejected(
  area: Database,
  options: SilverOptions,
  { contract }: Snapshot,
  rejectedAtUs: bigint,
  signal: AbortSignal,
): Promise<DataFile[]> {
  const [found] = await area.rows<{ rows: bigint; bytes: bigint }>(refusedBytesSql);
  const { rows, bytes } = { rows: Number(found?.rows ?? 0), bytes: Number(found?.bytes ?? 0) };
  if (rows === 0) return [];
  await area.run('SET VARIABLE dataset = $dataset', { dataset: options.dataset.name });
  await area.run('SET VARIABLE rejected_at_us = $at::BIGINT', { at: rejectedAtUs });
  await area.run(rejectedSql);
  const fitting = Math.floor((rows * bodyBytesMaxOf(options) * limits.groupShare) / Math.max(1, bytes));
  const rowGroupRows = Math.min(limits.groupRowsMax, Math.max(limits.groupRowsMin, fitting));
  return writeFiles(area, options.rejected, contract, 'rejected', options.scratch, signal, {
    dictionaries: false,
    rowGroupRows,
  });
}
