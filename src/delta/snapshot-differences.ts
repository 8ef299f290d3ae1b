import { isDeepStrictEqual } from 'node:util';
import type { DataFile, Snapshot } from './delta.ts';
import type { Action } from './log-entry.ts';

/**
 * Actions that lead from one snapshot to a later one, for where the log between them is gone. A compaction cannot be
 * told from a change of rows any more, so every file counts as one.
 */
export function differences(from: Snapshot, to: Snapshot): Action[] {
  const actions: Action[] = [];
  if (!isDeepStrictEqual(from.protocol, to.protocol)) actions.push({ protocol: to.protocol });
  if (!isDeepStrictEqual(from.metadata, to.metadata)) actions.push({ metaData: to.metadata });
  for (const file of from.files.values()) if (!to.files.has(file.path)) actions.push({ remove: described(file) });
  for (const file of to.files.values()) {
    if (from.files.has(file.path)) continue;
    actions.push({ add: { ...described(file), modificationTime: file.modifiedAtMs } });
  }
  return actions;
}

function described({ path, partitionValues, sizeBytes }: DataFile) {
  return { path, partitionValues, size: sizeBytes, dataChange: true };
}
