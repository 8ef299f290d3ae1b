import type { ObjectInfo } from '../storage/storage.ts';
import { readCheckpoint, readPointer } from './checkpoint-reader.ts';
import type { Garbage, GarbageOptions, TableLocation } from './delta.ts';
import { readEntriesIfWhole } from './entry-reader.ts';
import { logFolder, parseLogFile, type LogFile } from './log-path.ts';
import { completeCheckpoints, replay } from './snapshot.ts';
import { decodedPath, type TableState } from './table-state.ts';

const HOUR_MS = 3_600_000;

const limits = {
  /** A file that no commit ever named may belong to one that is under way: no run lasts so long. */
  stagedMsMax: 24 * HOUR_MS,
  /** Log entries held in memory at once. */
  entriesAtOnce: 64,
} as const;

/** A file of the log, and the object that it is. */
interface LogObject {
  readonly file: LogFile;
  readonly info: ObjectInfo;
}

/** See the door. */
export async function findGarbage(
  location: TableLocation,
  options: GarbageOptions,
  signal: AbortSignal,
): Promise<Garbage[]> {
  // Files first and the log after: what is committed in between is then known to be needed.
  const data = await dataObjects(location, signal);
  const log = await logObjects(location, signal);
  const state = await replay(location, signal);
  if (state === undefined) return [];
  const needed = await neededPaths(location, state, log, options, signal);
  const removed = new Set([...state.tombstones.keys()].map(decodedPath));
  const orphansBeforeMs = options.nowMs - Math.max(options.retainMs, limits.stagedMsMax);
  const dead = data.filter(({ path, modifiedAtMs }) => {
    const name = path.slice(location.root.length + 1);
    if (needed.has(name)) return false;
    return removed.has(name) || modifiedAtMs < orphansBeforeMs;
  });
  const old = await oldLog(location, log, options, signal);
  const as = (kind: Garbage['kind']) => (info: ObjectInfo) => ({ path: info.path, sizeBytes: info.sizeBytes, kind });
  return [...dead.map(as('data file')), ...old.map(as('log'))];
}

/** Data files alone: what begins with `_` or `.` belongs to somebody, and no reader asks for anything else. */
async function dataObjects(location: TableLocation, signal: AbortSignal): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  const prefix = `${location.root}/`;
  for await (const info of location.store.list(prefix, signal)) {
    const segments = info.path.slice(prefix.length).split('/');
    if (info.path.endsWith('.parquet') && segments.every((segment) => !/^[_.]/.test(segment))) found.push(info);
  }
  return found;
}

async function logObjects(location: TableLocation, signal: AbortSignal): Promise<LogObject[]> {
  const found: LogObject[] = [];
  for await (const info of location.store.list(logFolder(location), signal)) {
    const file = parseLogFile(location, info);
    if (file !== undefined) found.push({ file, info });
  }
  return found;
}

/**
 * Object paths, below the table, of the files of the latest snapshot, of all that were live within the retention, and
 * of all that a reader of the log has yet to read: also those that came and went again since.
 */
async function neededPaths(
  location: TableLocation,
  state: TableState,
  log: readonly LogObject[],
  { nowMs, retainMs, readThrough }: GarbageOptions,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const sinceMs = nowMs - retainMs;
  const needed = new Set([...state.files.keys()].map(decodedPath));
  for (const { path, deletionTimestamp = nowMs } of state.tombstones.values()) {
    if (deletionTimestamp >= sinceMs) needed.add(decodedPath(path));
  }
  const isNeeded = ({ file: { kind, version }, info }: LogObject): boolean =>
    kind === 'entry' && (info.modifiedAtMs >= sinceMs || version > (readThrough ?? Number.POSITIVE_INFINITY));
  const versions = log.filter(isNeeded).map(({ file }) => file.version);
  for (let at = 0; at < versions.length; at += limits.entriesAtOnce) {
    const { found } = await readEntriesIfWhole(location, versions.slice(at, at + limits.entriesAtOnce), signal);
    for (const { add, remove } of found.flatMap(({ actions }) => actions)) {
      const path = add?.path ?? remove?.path;
      if (path !== undefined) needed.add(decodedPath(path));
    }
  }
  return needed;
}

/**
 * Log files before the newest log checkpoint that is older than the retention, can be read, and stands for nothing
 * that somebody still reads entry by entry; oldest first. It and its own entry stay, and all after it.
 */
async function oldLog(
  location: TableLocation,
  log: readonly LogObject[],
  { nowMs, retainMs, readThrough = Number.POSITIVE_INFINITY }: GarbageOptions,
  signal: AbortSignal,
): Promise<ObjectInfo[]> {
  // Readers list the log from where the pointer says: that checkpoint is theirs, however old.
  const pointed = (await readPointer(location, signal)) ?? Number.POSITIVE_INFINITY;
  const aged = log.filter(({ info }) => info.modifiedAtMs < nowMs - retainMs);
  for (const { version, paths } of completeCheckpoints(aged.map(({ file }) => file))) {
    if (version > Math.min(pointed, readThrough)) continue;
    if ((await readCheckpoint(location, paths, signal)) === undefined) continue;
    return aged.filter(({ file }) => file.version < version).map(({ info }) => info);
  }
  return [];
}
