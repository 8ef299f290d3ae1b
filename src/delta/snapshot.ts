import { SluiceError } from '../base/errors.ts';
import type { Snapshot, TableLocation } from './delta.ts';
import { readCheckpoint, readPointer } from './checkpoint-reader.ts';
import { decodeEntry, type Action } from './log-entry.ts';
import { beforeVersion, entryPath, logFolder, parseLogFile, type LogFile } from './log-path.ts';
import { applyActions, emptyState, snapshotOf, stateOf, type TableState } from './table-state.ts';

/** Log entries read at the same time. */
const READS_AT_ONCE = 8;

/** See the door. */
export async function readSnapshot(
  location: TableLocation,
  signal: AbortSignal,
  options: { readonly version?: number } = {},
): Promise<Snapshot | undefined> {
  const state = await replay(location, signal, options.version);
  return state === undefined ? undefined : snapshotOf(state, location);
}

/**
 * The table's state at a version (undefined: the latest), from the newest log checkpoint that can be read and the
 * entries after it; undefined where there is no table. Throws `table_corrupt` where entries are missing.
 */
export async function replay(
  location: TableLocation,
  signal: AbortSignal,
  version?: number,
): Promise<TableState | undefined> {
  // The pointer is a hint: it may lag behind, be ahead of what was asked for, or point to nothing.
  const hint = version === undefined ? await readPointer(location, signal) : undefined;
  if (hint !== undefined) {
    const files = await listLog(location, hint, signal);
    const state = await replayFiles(location, files, version, signal);
    if (state !== undefined) return state;
  }
  const files = await listLog(location, 0, signal);
  const state = await replayFiles(location, files, version, signal);
  if (state !== undefined || files.length === 0) return state;
  const message =
    `the log of ${location.store.url}/${location.root} has neither its first entry nor a readable checkpoint` +
    `${version === undefined ? '' : ` for version ${version}`}; restore _delta_log, or run \`rebuild\``;
  throw new SluiceError('table_corrupt', message, { context: { table: location.root } });
}

/** What later versions changed: the newest snapshot, and the actions of each version after the base, in order. */
export async function advance(
  location: TableLocation,
  base: Snapshot,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly actions: Action[] }> {
  const files = await listLog(location, base.version + 1, signal);
  const versions = files.flatMap((file) => (file.kind === 'entry' ? [file.version] : []));
  if (versions.length === 0) return { snapshot: base, actions: [] };
  checkContiguous(location, base.version + 1, versions);
  const entries = await readEntries(location, versions, signal);
  const state = stateOf(base);
  for (const { version, actions } of entries) applyActions(state, version, actions);
  return { snapshot: snapshotOf(state, location), actions: entries.flatMap(({ actions }) => actions) };
}

/** The actions of these versions. Throws `table_corrupt` where one is missing. */
export async function readEntries(
  location: TableLocation,
  versions: readonly number[],
  signal: AbortSignal,
): Promise<{ readonly version: number; readonly actions: Action[] }[]> {
  const entries: { version: number; actions: Action[] }[] = [];
  for (let start = 0; start < versions.length; start += READS_AT_ONCE) {
    const slice = versions.slice(start, start + READS_AT_ONCE);
    entries.push(...(await Promise.all(slice.map((version) => readEntry(location, version, signal)))));
  }
  return entries;
}

async function readEntry(
  location: TableLocation,
  version: number,
  signal: AbortSignal,
): Promise<{ version: number; actions: Action[] }> {
  const path = entryPath(location, version);
  const data = await location.store.read(path, signal);
  if (data === undefined) throw missingEntry(location, version);
  return { version, actions: decodeEntry(data, path) };
}

async function listLog(location: TableLocation, fromVersion: number, signal: AbortSignal): Promise<LogFile[]> {
  const files: LogFile[] = [];
  const options = { after: beforeVersion(location, fromVersion) };
  for await (const { path } of location.store.list(logFolder(location), signal, options)) {
    const file = parseLogFile(location, path);
    if (file !== undefined) files.push(file);
  }
  return files;
}

/** Undefined where the files hold no beginning: neither entry 0 nor a checkpoint that can be read. */
async function replayFiles(
  location: TableLocation,
  files: readonly LogFile[],
  upTo: number | undefined,
  signal: AbortSignal,
): Promise<TableState | undefined> {
  const wanted = files.filter(({ version }) => upTo === undefined || version <= upTo);
  const entries = wanted.flatMap((file) => (file.kind === 'entry' ? [file.version] : []));
  const start = await startingState(location, wanted, entries, signal);
  if (start === undefined) return undefined;
  const later = entries.filter((version) => version > start.version);
  checkContiguous(location, start.version + 1, later);
  for (const { version, actions } of await readEntries(location, later, signal)) applyActions(start, version, actions);
  if (upTo !== undefined && start.version < upTo) throw missingEntry(location, upTo);
  return start;
}

async function startingState(
  location: TableLocation,
  files: readonly LogFile[],
  entries: readonly number[],
  signal: AbortSignal,
): Promise<TableState | undefined> {
  for (const { version, paths } of completeCheckpoints(files)) {
    const actions = await readCheckpoint(location, paths, signal);
    if (actions === undefined) continue;
    const state = emptyState();
    applyActions(state, version, actions);
    return state;
  }
  return entries[0] === 0 ? emptyState() : undefined;
}

/** Newest first; a checkpoint in several parts counts only where all of them are there. */
function completeCheckpoints(files: readonly LogFile[]): { version: number; paths: string[] }[] {
  const groups = new Map<string, { version: number; parts: number; paths: string[] }>();
  for (const file of files) {
    if (file.kind !== 'checkpoint') continue;
    const key = `${file.version}/${file.parts}`;
    const group = groups.get(key) ?? { version: file.version, parts: file.parts, paths: [] };
    group.paths.push(file.path);
    groups.set(key, group);
  }
  return [...groups.values()]
    .filter(({ parts, paths }) => paths.length === parts)
    .toSorted((left, right) => right.version - left.version);
}

function checkContiguous(location: TableLocation, first: number, versions: readonly number[]): void {
  versions.forEach((version, index) => {
    if (version !== first + index) throw missingEntry(location, first + index);
  });
}

function missingEntry(location: TableLocation, version: number): SluiceError {
  const message =
    `${location.store.url}/${entryPath(location, version)} is missing: another program cleaned the log further ` +
    `than a reader still needs; run \`rebuild\``;
  return new SluiceError('table_corrupt', message, { context: { table: location.root, version } });
}
