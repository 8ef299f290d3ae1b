import type { DataFile, FileChanges, TableLocation } from './delta.ts';
import type { RemoveAction } from './log-entry.ts';
import { readEntries } from './entry-reader.ts';
import { readSnapshot } from './snapshot.ts';
import { dataFileOf } from './table-state.ts';

/** See the door. */
export async function changesBetween(
  location: TableLocation,
  fromVersion: number,
  toVersion: number,
  signal: AbortSignal,
): Promise<FileChanges> {
  const versions = Array.from({ length: Math.max(0, toVersion - fromVersion) }, (_, index) => fromVersion + 1 + index);
  const added = new Map<string, DataFile>();
  const removed = new Map<string, RemoveAction>();
  for (const { actions } of await readEntries(location, versions, signal)) {
    for (const { remove } of actions) {
      if (remove?.dataChange && !added.delete(remove.path)) removed.set(remove.path, remove);
    }
    for (const { add } of actions) {
      if (add?.dataChange && !removed.delete(add.path)) added.set(add.path, dataFileOf(add));
    }
  }
  return { added: [...added.values()], removed: await described(location, fromVersion, removed, signal) };
}

/** Some writers' removes don't tell the partition and size of the file: its add, before the range, does. */
async function described(
  location: TableLocation,
  fromVersion: number,
  removed: ReadonlyMap<string, RemoveAction>,
  signal: AbortSignal,
): Promise<DataFile[]> {
  const bare = [...removed.values()].some(({ partitionValues }) => partitionValues === undefined);
  const before = bare && fromVersion >= 0 ? await readSnapshot(location, signal, { version: fromVersion }) : undefined;
  return [...removed.values()].map(
    (remove) =>
      before?.files.get(remove.path) ?? {
        path: remove.path,
        partitionValues: remove.partitionValues ?? {},
        sizeBytes: remove.size ?? 0,
        modifiedAtMs: remove.deletionTimestamp ?? 0,
        statistics: undefined,
      },
  );
}
