import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { openDatabase, sqlFile } from '../duckdb/duckdb.ts';
import { decodeCheckpoint, readPointer } from './checkpoint-reader.ts';
import type { TableLocation } from './delta.ts';
import { encodeEntry, type Action, type RemoveAction } from './log-entry.ts';
import { checkpointPath, lastCheckpointPath } from './log-path.ts';
import { replay } from './snapshot.ts';
import { applyActions, emptyState, type TableState } from './table-state.ts';

const COPY_CHECKPOINT = sqlFile(new URL('log-checkpoint.sql', import.meta.url));

const DAY_MS = 86_400_000;

/** Removed files are remembered this long, for readers of older versions and for vacuum: the protocol's default. */
const TOMBSTONE_KEPT_MS = 7 * DAY_MS;

const MEMORY_BYTES_MAX = 256 * MiB;

/** Readers replay every entry after the last log checkpoint. */
const CHECKPOINT_EVERY_VERSIONS = 20;

/** One that could not be written is tried again after so many versions, since each try costs a replay. */
const RETRY_EVERY_VERSIONS = 5;

/** Writes a log checkpoint where too many entries stand after the last one. Gives the version of the newest. */
export async function checkpointIfDue(
  location: TableLocation,
  { version, checkpointVersion }: TableState,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> {
  const overdue = version - Math.max(0, checkpointVersion) - CHECKPOINT_EVERY_VERSIONS;
  if (overdue < 0 || overdue % RETRY_EVERY_VERSIONS !== 0) return checkpointVersion;
  const state = await replay(location, signal, version);
  if (state === undefined) return checkpointVersion;
  // Another writer may have made one since the snapshot was read.
  if (version - state.checkpointVersion < CHECKPOINT_EVERY_VERSIONS) return state.checkpointVersion;
  await writeState(location, state, nowMs, signal);
  return version;
}

/** See the door. Throws `table_corrupt` where what was written does not read as what was meant. */
export async function writeLogCheckpoint(
  location: TableLocation,
  options: { readonly version?: number; readonly nowMs: number },
  signal: AbortSignal,
): Promise<void> {
  const state = await replay(location, signal, options.version);
  if (state !== undefined) await writeState(location, state, options.nowMs, signal);
}

async function writeState(
  location: TableLocation,
  state: TableState,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const actions = stateActions(state, nowMs);
  const target = checkpointPath(location, state.version);
  const data = await encodeCheckpoint(actions);
  await verify(data, actions, target);
  await location.store.put(target, data, signal);
  const stored = await location.store.read(target, signal);
  if (stored === undefined || Buffer.compare(stored, data) !== 0) throw unreadable(target);
  await movePointer(location, state, actions.length, data.byteLength, signal);
}

/** The pointer never goes back: another writer may have come further. */
async function movePointer(
  location: TableLocation,
  state: TableState,
  size: number,
  sizeInBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const pointed = await readPointer(location, signal);
  if (pointed !== undefined && pointed > state.version) return;
  const pointer = { version: state.version, size, sizeInBytes, numOfAddFiles: state.files.size };
  await location.store.put(lastCheckpointPath(location), new TextEncoder().encode(JSON.stringify(pointer)), signal);
}

/** One action a live fact: no commitInfo, and no removed file that nobody may need any more. */
function stateActions(state: TableState, nowMs: number): Action[] {
  const actions: Action[] = [];
  if (state.protocol !== undefined) actions.push({ protocol: state.protocol });
  if (state.metadata !== undefined) actions.push({ metaData: state.metadata });
  for (const txn of state.transactions.values()) actions.push({ txn });
  for (const remove of state.tombstones.values()) {
    if ((remove.deletionTimestamp ?? 0) > nowMs - TOMBSTONE_KEPT_MS) actions.push({ remove: tombstone(remove) });
  }
  for (const { path: name, partitionValues, sizeBytes, modifiedAtMs, statistics } of state.files.values()) {
    const add = { path: name, partitionValues, size: sizeBytes, modificationTime: modifiedAtMs, dataChange: false };
    actions.push({ add: statistics === undefined ? add : { ...add, stats: statistics } });
  }
  return actions;
}

function tombstone(remove: RemoveAction): RemoveAction {
  const { path: name, deletionTimestamp, extendedFileMetadata, partitionValues, size } = remove;
  return {
    path: name,
    dataChange: false,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(extendedFileMetadata === undefined ? {} : { extendedFileMetadata }),
    ...(partitionValues === undefined ? {} : { partitionValues }),
    ...(size === undefined ? {} : { size }),
  };
}

async function encodeCheckpoint(actions: readonly Action[]): Promise<Uint8Array> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-checkpoint-'));
  try {
    const [source, file] = [path.join(folder, 'actions.json'), path.join(folder, 'checkpoint.parquet')];
    await writeFile(source, encodeEntry(actions));
    const database = await openDatabase({ memoryBytesMax: MEMORY_BYTES_MAX, threads: 1, temporaryFolder: folder });
    try {
      await database.run(COPY_CHECKPOINT, { actions: source, file });
    } finally {
      database.close();
    }
    return new Uint8Array(await readFile(file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Read by the reader that will need it, not by what wrote it. */
async function verify(data: Uint8Array, actions: readonly Action[], target: string): Promise<void> {
  const found = await decodeCheckpoint(data);
  if (found === undefined || fingerprint(found) !== fingerprint(actions)) throw unreadable(target);
}

function fingerprint(actions: readonly Action[]): string {
  const state = emptyState();
  applyActions(state, 0, actions);
  const files = [...state.files.values()].map(({ path: name, partitionValues, sizeBytes, statistics }) => [
    name,
    sorted(partitionValues),
    sizeBytes,
    statistics ?? null,
  ]);
  const transactions = [...state.transactions.values()].map(({ appId, version }) => [appId, version]);
  const metadata = state.metadata && [state.metadata.id, state.metadata.schemaString, state.metadata.partitionColumns];
  const configuration = sorted(state.metadata?.configuration ?? {});
  return JSON.stringify([files, transactions, [...state.tombstones.keys()], metadata, configuration]);
}

function sorted(values: Readonly<Record<string, unknown>>): unknown[] {
  return Object.entries(values).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function unreadable(target: string): SluiceError {
  const message = `the log checkpoint ${target} does not read back as it was meant`;
  return new SluiceError('table_corrupt', message, { context: { path: target } });
}
