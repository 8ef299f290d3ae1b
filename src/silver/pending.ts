import { changesBetween, readSnapshot, rowCountOf, type Snapshot } from '../delta/delta.ts';
import { bronzeAppId } from './bronze-app-id.ts';
import { columnsGained, checkTimeZone } from './ensure-tables.ts';
import type { SilverOptions, SilverPending } from './silver.ts';

/** See the door. */
export async function pendingOf(
  options: Pick<SilverOptions, 'dataset' | 'bronze' | 'silver' | 'rejected' | 'timeZone'>,
  signal: AbortSignal,
): Promise<SilverPending> {
  const [bronze, silver, rejected] = await Promise.all(
    [options.bronze, options.silver, options.rejected].map((table) => readSnapshot(table, signal)),
  );
  if (silver !== undefined) checkTimeZone(silver, options);
  const columnsToAdd = silver === undefined ? [] : columnsGained(silver, options).map(({ name }) => name);
  const appId = bronzeAppId(options.dataset.name, bronze?.tableId);
  const applied = (table: Snapshot | undefined): number => table?.transactions.get(appId) ?? -1;
  const from = Math.min(applied(silver), applied(rejected));
  const { added } =
    bronze === undefined || from >= bronze.version
      ? { added: [] }
      : await changesBetween(options.bronze, from, bronze.version, signal);
  return {
    files: added.length,
    rows: added.reduce((sum, file) => sum + (rowCountOf(file) ?? 0), 0),
    bytes: added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    columnsToAdd,
  };
}
