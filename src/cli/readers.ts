import type { Pipeline } from '../../schemas/contract.ts';
import { readSnapshot, type Snapshot } from '../delta/delta.ts';
import { sourceAppId } from '../gold/gold.ts';
import { bronzeAppId } from '../silver/silver.ts';
import type { Lake } from './lake.ts';
import { REJECTED_ROOT } from './tables.ts';

/**
 * The newest version of a table that every stage which reads its log has applied; -1: one has not begun. Undefined:
 * none reads it. Bronze is always read: who has no table yet will begin at the first version. A gold view that has not
 * begun takes a table as it is then, so that it reads no log.
 */
export async function readThrough(
  { lake, pipeline }: { readonly lake: Pick<Lake, 'table'>; readonly pipeline: Pipeline },
  root: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const [layer, name = ''] = root.split('/');
  if (layer !== 'bronze' && layer !== 'silver') return undefined;
  const table = await readSnapshot(lake.table(root), signal);
  if (table === undefined) return undefined;
  const versionIn = async (reader: string, appId: string): Promise<number | undefined> => {
    const snapshot: Snapshot | undefined = await readSnapshot(lake.table(reader), signal);
    return snapshot?.transactions.get(appId);
  };
  if (layer === 'bronze') {
    const appId = bronzeAppId(name, table.tableId);
    const versions = await Promise.all([`silver/${name}`, REJECTED_ROOT].map((reader) => versionIn(reader, appId)));
    return Math.min(...versions.map((version) => version ?? -1));
  }
  const views = pipeline.gold.filter(({ reads }) => reads.some((read) => read.table === name));
  const versions = await Promise.all(
    views.map((view) => versionIn(`gold/${view.name}`, sourceAppId(view.name, name, table.tableId))),
  );
  const applied = versions.filter((version) => version !== undefined);
  return applied.length === 0 ? undefined : Math.min(...applied);
}
