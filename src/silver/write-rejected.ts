import { filled, quoted } from '../base/identifiers.ts';
import { writeFiles, type DataFile, type Snapshot } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import type { SilverOptions } from './silver.ts';

const rejectedBytesSql = sqlFile(new URL('statements/rejected-bytes.sql', import.meta.url));

const limits = {
  /** Of the bytes of bodies that are judged at once: a row group is held as rows, as a page and compressed. */
  groupShare: 1 / 8,
  /** DuckDB's own. */
  groupRowsMax: 122_880,
  groupRowsMin: 2_048,
} as const;

/** Writes a relation of rejected events to a file that nobody refers to yet; no row: no file. */
export async function writeRejectedRows(
  area: Database,
  options: Pick<SilverOptions, 'rejected' | 'scratch' | 'bodyBytesMax'>,
  { contract }: Snapshot,
  relation: string,
  signal: AbortSignal,
): Promise<DataFile[]> {
  const sql = filled(rejectedBytesSql, { relation: quoted(relation) });
  const [found] = await area.rows<{ rows: bigint; bytes: bigint }>(sql);
  const { rows, bytes } = { rows: Number(found?.rows ?? 0), bytes: Number(found?.bytes ?? 0) };
  if (rows === 0) return [];
  const fitting = Math.floor((rows * bodyBytesMaxOf(options) * limits.groupShare) / Math.max(1, bytes));
  const rowGroupRows = Math.min(limits.groupRowsMax, Math.max(limits.groupRowsMin, fitting));
  const how = { dictionaries: false, rowGroupRows };
  return writeFiles(area, options.rejected, contract, relation, options.scratch, signal, how);
}
