import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects, parquetSchema, type Compressors } from 'hyparquet';
import { readMetadata, readNestedLeaves, unsnappy } from '../parquet/parquet.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { actionsOf, isOfAction } from './checkpoint-actions.ts';
import type { TableLocation } from './delta.ts';
import type { Action } from './log-entry.ts';
import { lastCheckpointPath, type CompleteCheckpoint } from './log-path.ts';

/** Read without DuckDB, so that a run with nothing new need not load it. */
const COMPRESSORS: Compressors = {
  SNAPPY: (input, rawBytes) => unsnappy(input, rawBytes),
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
};

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

/** Of a table with more files they would be kept beside all that the run holds of it. */
const RECALLED_ACTIONS_MAX = 20_000;

interface Recalled {
  readonly name: string;
  readonly actions: readonly Action[];
}

/** The last checkpoint that was read of each table: a run opens a table again and again. */
const lastRead = new WeakMap<ObjectStore, Map<string, Recalled>>();

/** As `readCheckpoint`, but from memory where its files are those that were read last. */
export async function recallCheckpoint(
  location: TableLocation,
  { paths, written }: CompleteCheckpoint,
  signal: AbortSignal,
): Promise<readonly Action[] | undefined> {
  const { store, root } = location;
  const tables = lastRead.get(store) ?? new Map<string, Recalled>();
  lastRead.set(store, tables);
  const name = JSON.stringify([paths, written]);
  const known = tables.get(root);
  if (known?.name === name) return known.actions;
  const actions = await readCheckpoint(location, paths, signal);
  if (actions !== undefined && actions.length <= RECALLED_ACTIONS_MAX) tables.set(root, { name, actions });
  else tables.delete(root);
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

/** From the leaves that are needed alone; undefined where they are of another form. Throws where it is damaged. */
export function decodeLeaves(file: ArrayBuffer): Action[] | undefined {
  const actions = readNestedLeaves(file, isOfAction)?.map(actionsOf);
  if (actions === undefined || actions.includes(undefined)) return undefined;
  return actions.flatMap((found) => found ?? []).map(completed);
}

/**
 * From whole rows, whatever their form. Throws where that is no Parquet file with such structs. For a footer that
 * `decodeLeaves` has found sound: hyparquet takes memory for as many rows as it names, and where a chunk is of no
 * column it leaves the promises of those that it has begun to read, which ends the process if one fails.
 */
export async function decodeRows(file: ArrayBuffer): Promise<Action[]> {
  const metadata = readMetadata(file);
  const schema = parquetSchema(metadata);
  const columns = schema.children.map(({ element }) => element.name).filter((name) => name in PROOF);
  const rows = await parquetReadObjects({ file, metadata, columns, compressors: COMPRESSORS });
  return rows.map((row) => completed(actionOf(row)));
}

/** Which member proves that a struct is there: some readers give null structs as structs of nulls. */
const PROOF = { protocol: 'minReaderVersion', metaData: 'id', txn: 'appId', add: 'path', remove: 'path' } as const;
const PROOFS = Object.entries(PROOF);

function actionOf(row: Record<string, unknown>): Action {
  for (const [name, proof] of PROOFS) {
    const struct = row[name] as Record<string, unknown> | null | undefined;
    if (struct?.[proof] === null || struct?.[proof] === undefined) continue;
    return { [name]: withoutNulls(struct) } as Action;
  }
  return {};
}

/** Maps and lists that are absent are empty ones. */
function completed(action: Action): Action {
  const { metaData, add } = action;
  if (metaData !== undefined) return { metaData: { ...EMPTY_METADATA, ...metaData } };
  return add === undefined ? action : { add: { ...EMPTY_ADD, ...add } };
}

const EMPTY_METADATA = { partitionColumns: [], configuration: {} } as const;
const EMPTY_ADD = { partitionValues: {} } as const;

/** Numbers of the log are below 2^53. Null values of maps (a null partition) stay. */
function withoutNulls(struct: Record<string, unknown>): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  // A table has thousands of these: no arrays of entries between.
  for (const name in struct) {
    const value = struct[name];
    if (value !== null && value !== undefined) members[name] = typeof value === 'bigint' ? Number(value) : value;
  }
  return members;
}
