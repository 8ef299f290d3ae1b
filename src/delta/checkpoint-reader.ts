import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects, parquetSchema } from 'hyparquet';
import type { Compressors, FileMetaData, SchemaTree } from 'hyparquet';
import { readMetadata, readNestedLeaves } from '../parquet/parquet.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { actionsOf, isOfAction } from './checkpoint-actions.ts';
import type { TableLocation } from './delta.ts';
import type { Action } from './log-entry.ts';
import { lastCheckpointPath, type CompleteCheckpoint } from './log-path.ts';

/** Read without DuckDB, so that a run with nothing new need not load it. Snappy is hyparquet's own. */
const COMPRESSORS: Compressors = {
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
  return decodeLeaves(file) ?? decodeRows(file);
}

/** From the leaves that are needed alone; undefined where another reader has to try. */
export function decodeLeaves(file: ArrayBuffer): Action[] | undefined {
  try {
    const groups = readNestedLeaves(file, isOfAction);
    const actions = groups?.map(actionsOf);
    if (actions === undefined || actions.includes(undefined)) return undefined;
    return actions.flatMap((found) => found ?? []).map(completed);
  } catch {
    return undefined;
  }
}

/** From whole rows, whatever their form; undefined where that is no Parquet file with such structs. */
export async function decodeRows(file: ArrayBuffer): Promise<Action[] | undefined> {
  try {
    const metadata = readMetadata(file);
    const schema = parquetSchema(metadata);
    if (!isSound(metadata, schema)) return undefined;
    const columns = schema.children.map(({ element }) => element.name).filter((name) => name in PROOF);
    const rows = await parquetReadObjects({ file, metadata, columns, compressors: COMPRESSORS });
    return rows.map((row) => completed(actionOf(row)));
  } catch {
    return undefined;
  }
}

/**
 * Whether the chunks are those of the schema. Where they are not, hyparquet throws when it has begun to read some, and
 * nobody hears whether these fail: that would end the process.
 */
function isSound({ row_groups: groups }: FileMetaData, schema: SchemaTree): boolean {
  const leaves = leafPaths(schema);
  return groups.every(({ columns }) => {
    const paths = columns.map(({ meta_data: chunk }) => chunk?.path_in_schema.join('.'));
    return paths.length === leaves.length && paths.every((path, place) => path === leaves[place]);
  });
}

function leafPaths({ children, path }: SchemaTree): string[] {
  return children.length === 0 ? [path.join('.')] : children.flatMap(leafPaths);
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
