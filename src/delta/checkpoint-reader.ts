import { decodeLeaves } from './checkpoint-leaves.ts';
import { decodeRows } from './checkpoint-rows.ts';
import type { TableLocation } from './delta.ts';
import type { Action } from './log-entry.ts';
import { memoryOf } from './log-memory.ts';
import { lastCheckpointPath, type CompleteCheckpoint } from './log-path.ts';

/** What `_last_checkpoint` points to; undefined where it is missing or cannot be read. */
export async function readPointer(location: TableLocation, signal: AbortSignal): Promise<number | undefined> {
  const data = await location.store.read(lastCheckpointPath(location), signal);
  if (data === undefined) return undefined;
  try {
    const { version } = JSON.parse(new TextDecoder().decode(data)) as { version?: unknown };
    return Number.isSafeInteger(version) ? (version as number) : undefined;
  } catch {
    return undefined;
  }
}

/** As `readCheckpoint`, but from memory where its files are those that were read last. */
export async function recallCheckpoint(
  location: TableLocation,
  { paths, written }: CompleteCheckpoint,
  signal: AbortSignal,
): Promise<readonly Action[] | undefined> {
  const memory = memoryOf(location);
  const name = JSON.stringify([paths, written]);
  const known = memory.checkpoint(name);
  if (known !== undefined) return known;
  const actions = await readCheckpoint(location, paths, signal);
  memory.keepCheckpoint(name, actions);
  return actions;
}

/** The actions of a checkpoint's files; undefined where one is missing or no such file, or they do not make a table. */
export async function readCheckpoint(
  location: TableLocation,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Action[] | undefined> {
  const actions: Action[] = [];
  for (const path of paths) {
    const data = await location.store.read(path, signal);
    const found = data === undefined ? undefined : await decodePart(data);
    if (found === undefined) return undefined;
    for (const action of found) actions.push(action);
  }
  return isWhole(actions) ? actions : undefined;
}

/** Of a checkpoint in one file. Undefined for bytes that are none: readers then go back to an older one. */
export async function decodeCheckpoint(data: Uint8Array): Promise<Action[] | undefined> {
  const actions = await decodePart(data);
  return actions !== undefined && isWhole(actions) ? actions : undefined;
}

/** The parts of a checkpoint share its facts: only one of them has the protocol. */
function isWhole(actions: readonly Action[]): boolean {
  return actions.some(({ protocol }) => protocol) && actions.some(({ metaData }) => metaData);
}

async function decodePart(data: Uint8Array): Promise<Action[] | undefined> {
  const file = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
  try {
    return decodeLeaves(file) ?? (await decodeRows(file));
  } catch {
    return undefined;
  }
}
