import { SluiceError } from '../base/errors.ts';
import type { Change, Conflict, Snapshot } from './delta.ts';
import type { Action, AddAction, RemoveAction } from './log-entry.ts';

/** appId under which the number of the lease stands, in every table a run commits to. */
export const FENCE = 'sluice/fence';

/**
 * Why the change cannot land on this snapshot, given what was committed since the one it was made from; undefined:
 * it can. Throws `table_conflict` where a winner changed the table itself.
 */
export function findConflict(
  snapshot: Snapshot,
  winners: readonly Action[],
  change: Change,
  table: string,
): Conflict | undefined {
  if (
    !changesTable(change) &&
    winners.some(({ metaData, protocol }) => metaData !== undefined || protocol !== undefined)
  ) {
    const message = `another writer changed the columns or properties of ${table} during this run; run again`;
    throw new SluiceError('table_conflict', message, { context: { table, version: snapshot.version } });
  }
  if (change.fence !== undefined && (snapshot.transactions.get(FENCE) ?? 0) > change.fence) return 'fenced';
  if (changesTable(change) && winners.length > 0) return 'metadata';
  // Equality and not order: a version that moved at all was moved by somebody who did this work, or other work.
  const moved = (change.transactions ?? []).some(
    ({ appId, expected }) => snapshot.transactions.get(appId) !== expected,
  );
  if (moved) return 'transaction';
  if ((change.remove ?? []).some(({ path }) => !snapshot.files.has(path))) return 'files';
  return winners.some((action) => touchesReads(action, change.reads)) ? 'files' : undefined;
}

/** A compaction moves rows between files, but changes none: what was read of them is still so. */
function touchesReads({ add, remove }: Action, reads: Change['reads']): boolean {
  const file: AddAction | RemoveAction | undefined = add ?? remove;
  if (reads === undefined || file === undefined || !file.dataChange) return false;
  if (reads === 'all') return true;
  const values = file.partitionValues;
  // A remove by another writer may not tell its partition: then it may be any.
  if (values === null || values === undefined || !(reads.column in values)) return true;
  const value = values[reads.column];
  return value !== null && value !== undefined && reads.values.includes(value);
}

/** Columns, partition or properties: such a change lands beside no other commit. */
export function changesTable({ configuration, contract, addColumns }: Change): boolean {
  return configuration !== undefined || contract !== undefined || addColumns !== undefined;
}
