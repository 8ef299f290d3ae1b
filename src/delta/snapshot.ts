import type { Clock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import type { Snapshot, TableLocation } from './delta.ts';
import { readPointer, recallCheckpoint } from './checkpoint-reader.ts';
import { cutOffEntry, missingEntry, readEntriesIfWhole } from './entry-reader.ts';
import type { Action } from './log-entry.ts';
import { memoryOf } from './log-memory.ts';
import { beforeVersion, logFolder, parseLogFile, type CompleteCheckpoint, type LogFile } from './log-path.ts';
import { differences } from './snapshot-differences.ts';
import { applyActions, emptyState, snapshotOf, stateOf, type TableState } from './table-state.ts';

/** How long a writer waits for the last entry to become whole: somebody may be writing it. */
const CUT_OFF = { looksMax: 10, lookEveryMs: 1_000 } as const;

/** See the door. */
export async function readSnapshot(
  location: TableLocation,
  signal: AbortSignal,
  options: { readonly version?: number } = {},
): Promise<Snapshot | undefined> {
  const state = await replay(location, signal, options.version);
  return state === undefined ? undefined : snapshotOf(state, location);
}

/** The latest snapshot for who will write: throws `table_corrupt` where the last entry of the log stays cut off. */
export async function openToWrite(
  location: TableLocation,
  clock: Clock,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const state = await onceWhole(clock, signal, () => replay(location, signal, undefined, 'refuse'));
  return state === undefined ? undefined : snapshotOf(state, location);
}

/**
 * The table's state at a version (undefined: the latest), from the newest log checkpoint that can be read and the
 * entries after it; undefined where there is no table. A last entry that is cut off was committed by nobody: readers
 * pass over it. Throws `table_corrupt` where entries are missing.
 */
export async function replay(
  location: TableLocation,
  signal: AbortSignal,
  version?: number,
  cutOff: 'skip' | 'refuse' = 'skip',
): Promise<TableState | undefined> {
  const memory = memoryOf(location);
  // A hint: it may lag behind, be ahead of what was asked for, or point to nothing.
  const hint = version === undefined ? (memory.listedFrom ?? (await readPointer(location, signal))) : undefined;
  let files: LogFile[] = [];
  for (const from of new Set([hint ?? 0, 0])) {
    files = await listLog(location, from, signal);
    const state = await replayFiles(location, files, version, cutOff, signal);
    if (state?.version === -1) return undefined;
    if (state === undefined) continue;
    // Made anew since: what this came of may be the former table's.
    if (!memory.isOf(state.metadata?.id)) return replay(location, signal, version, cutOff);
    if (version === undefined) memory.listedFrom = Math.max(0, state.checkpointVersion);
    return state;
  }
  if (files.length === 0) return undefined;
  const message =
    `the log of ${location.store.url}/${location.root} has neither its first entry nor a readable checkpoint` +
    `${version === undefined ? '' : ` for version ${version}`}; restore _delta_log, or run \`rebuild\``;
  throw new SluiceError('table_corrupt', message, { context: { table: location.root } });
}

/**
 * What later versions changed: the newest snapshot, and the actions of each version after the base, in order. Where
 * another program cleaned the log beyond the base, the actions are the differences of the two snapshots.
 * `seenVersion` is known to be there, whatever a listing that lags says.
 */
export async function advance(
  location: TableLocation,
  base: Snapshot,
  seenVersion: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly actions: Action[] }> {
  const files = await listLog(location, base.version + 1, signal);
  const checkpointVersion = completeCheckpoints(files)[0]?.version ?? base.checkpointVersion;
  const newest = Math.max(seenVersion, ...files.map(({ version }) => version));
  if (newest <= base.version) return { snapshot: base, actions: [] };
  const entries = await onceWhole(clock, signal, async () => {
    const versions = versionsBetween(base.version, newest);
    const { found, cutOff } = await readEntriesIfWhole(location, versions, signal, listedEntries(files));
    if (cutOff !== undefined) throw cutOffEntry(location, cutOff);
    return found;
  });
  if (entries.length < newest - base.version) return leapt(location, base, signal);
  const state = stateOf(base);
  state.checkpointVersion = checkpointVersion;
  for (const { version, actions } of entries) applyActions(state, version, actions);
  return { snapshot: snapshotOf(state, location), actions: entries.flatMap(({ actions }) => actions) };
}

/** Entries after the base are gone: a checkpoint after it must stand for them. */
async function leapt(
  location: TableLocation,
  base: Snapshot,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly actions: Action[] }> {
  const state = await replay(location, signal, undefined, 'refuse');
  if (state === undefined || state.version <= base.version) throw missingEntry(location, base.version + 1);
  const snapshot = snapshotOf(state, location);
  return { snapshot, actions: differences(base, snapshot) };
}

/** Looks again for as long as somebody may still be writing the last entry. */
async function onceWhole<T>(clock: Clock, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  for (let look = 1; ; look++) {
    try {
      return await read();
    } catch (error) {
      const cutOff = error instanceof SluiceError && error.context['cutOff'] === true;
      if (!cutOff || look >= CUT_OFF.looksMax) throw error;
      await clock.sleep(CUT_OFF.lookEveryMs, signal);
    }
  }
}

async function listLog(location: TableLocation, fromVersion: number, signal: AbortSignal): Promise<LogFile[]> {
  const files: LogFile[] = [];
  const options = { after: beforeVersion(location, fromVersion) };
  for await (const info of location.store.list(logFolder(location), signal, options)) {
    const file = parseLogFile(location, info);
    if (file !== undefined) files.push(file);
  }
  return files;
}

/** Undefined where the files hold no beginning: neither entry 0 nor a checkpoint that can be read. */
async function replayFiles(
  location: TableLocation,
  files: readonly LogFile[],
  upTo: number | undefined,
  onCutOff: 'skip' | 'refuse',
  signal: AbortSignal,
): Promise<TableState | undefined> {
  const wanted = files.filter(({ version }) => upTo === undefined || version <= upTo);
  const entries = wanted.flatMap((file) => (file.kind === 'entry' ? [file.version] : []));
  const start = await startingState(location, wanted, entries, signal);
  if (start === undefined) return undefined;
  // Every version up to the last, listed or not: a listing may lag.
  const later = versionsBetween(start.version, entries.at(-1) ?? start.version);
  const { found, cutOff } = await readEntriesIfWhole(location, later, signal, listedEntries(wanted));
  const missing = later.find((version, index) => found[index]?.version !== version);
  if (missing !== undefined && missing !== cutOff) throw missingEntry(location, missing);
  const skipped = cutOff !== undefined && cutOff === later.at(-1) && onCutOff === 'skip' && upTo === undefined;
  if (cutOff !== undefined && !skipped) throw cutOffEntry(location, cutOff);
  for (const { version, actions } of found) applyActions(start, version, actions);
  if (upTo !== undefined && start.version < upTo) throw missingEntry(location, upTo);
  return start;
}

async function startingState(
  location: TableLocation,
  files: readonly LogFile[],
  entries: readonly number[],
  signal: AbortSignal,
): Promise<TableState | undefined> {
  for (const checkpoint of completeCheckpoints(files)) {
    const actions = await recallCheckpoint(location, checkpoint, signal);
    if (actions === undefined) continue;
    const state = emptyState();
    applyActions(state, checkpoint.version, actions);
    state.checkpointVersion = checkpoint.version;
    return state;
  }
  return entries[0] === 0 ? emptyState() : undefined;
}

/** Newest first; a checkpoint in several parts counts only where all of them are there. */
export function completeCheckpoints(files: readonly LogFile[]): CompleteCheckpoint[] {
  const groups = new Map<string, { version: number; parts: number; paths: string[]; written: string[] }>();
  for (const file of files) {
    if (file.kind !== 'checkpoint') continue;
    const key = `${file.version}/${file.parts}`;
    const group = groups.get(key) ?? { version: file.version, parts: file.parts, paths: [], written: [] };
    group.paths.push(file.path);
    group.written.push(file.written);
    groups.set(key, group);
  }
  return [...groups.values()]
    .filter(({ parts, paths }) => paths.length === parts)
    .toSorted((left, right) => right.version - left.version);
}

/** What the listing says of each entry. */
function listedEntries(files: readonly LogFile[]): ReadonlyMap<number, string> {
  return new Map(files.flatMap((file) => (file.kind === 'entry' ? [[file.version, file.written]] : [])));
}

/** After the first, up to and with the last. */
function versionsBetween(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first) }, (_, index) => first + 1 + index);
}
