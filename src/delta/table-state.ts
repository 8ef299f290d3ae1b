import { SluiceError } from '../base/errors.ts';
import type { DataFile, Snapshot, TableLocation } from './delta.ts';
import type {
  Action,
  AddAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TransactionAction,
} from './log-entry.ts';
import { contractOf } from './table-schema.ts';

/** A table while its log is replayed. Tombstones are whole only after a full replay. */
export interface TableState {
  version: number;
  /** Version of the newest log checkpoint known to hold; -1: none. */
  checkpointVersion: number;
  protocol: ProtocolAction | undefined;
  metadata: MetadataAction | undefined;
  readonly files: Map<string, DataFile>;
  readonly transactions: Map<string, TransactionAction>;
  readonly tombstones: Map<string, RemoveAction>;
}

export function emptyState(): TableState {
  return {
    version: -1,
    checkpointVersion: -1,
    protocol: undefined,
    metadata: undefined,
    files: new Map(),
    transactions: new Map(),
    tombstones: new Map(),
  };
}

/** Goes on from a snapshot, which stays as it is. */
export function stateOf(snapshot: Snapshot): TableState {
  return {
    version: snapshot.version,
    checkpointVersion: snapshot.checkpointVersion,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    files: new Map(snapshot.files),
    transactions: new Map([...snapshot.transactions].map(([appId, version]) => [appId, { appId, version }])),
    tombstones: new Map(),
  };
}

/** Replays one version. Later actions on a path win over earlier ones, whatever their order within the version. */
export function applyActions(state: TableState, version: number, actions: readonly Action[]): void {
  state.version = version;
  for (const { remove } of actions) if (remove) removeFile(state, remove);
  for (const { protocol, metaData, txn, add } of actions) {
    if (protocol) state.protocol = protocol;
    if (metaData) state.metadata = metaData;
    if (txn) state.transactions.set(txn.appId, txn);
    if (add) {
      state.files.set(add.path, dataFileOf(add));
      state.tombstones.delete(add.path);
    }
  }
}

/** Throws `table_corrupt` where the log lacks what a table must have, `table_unsupported` where it may not be read. */
export function snapshotOf(state: TableState, location: TableLocation): Snapshot {
  const { protocol, metadata } = state;
  const table = `${location.store.url}/${location.root}`;
  if (protocol === undefined || metadata === undefined) {
    const message = `the log of ${table} has no ${protocol === undefined ? 'protocol' : 'metadata'}`;
    throw new SluiceError('table_corrupt', message, { context: { table, version: state.version } });
  }
  checkReadable(protocol, table);
  return {
    version: state.version,
    checkpointVersion: state.checkpointVersion,
    tableId: metadata.id,
    contract: contractOf(metadata, table),
    configuration: metadata.configuration,
    createdAtMs: metadata.createdTime ?? 0,
    files: state.files,
    transactions: new Map([...state.transactions.values()].map(({ appId, version }) => [appId, version])),
    protocol,
    metadata,
  };
}

/** Throws `table_unsupported` where another writer raised the table above reader 1 / writer 2, or lists features. */
export function checkWritable(protocol: ProtocolAction, table: string): void {
  const features = [...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])];
  if (protocol.minReaderVersion <= 1 && protocol.minWriterVersion <= 2 && features.length === 0) return;
  throw unsupported(protocol, table, 'write');
}

export function dataFileOf(add: AddAction): DataFile {
  return {
    path: add.path,
    partitionValues: add.partitionValues,
    sizeBytes: add.size,
    modifiedAtMs: add.modificationTime,
    statistics: add.stats ?? undefined,
  };
}

function checkReadable(protocol: ProtocolAction, table: string): void {
  if (protocol.minReaderVersion <= 1 && (protocol.readerFeatures ?? []).length === 0) return;
  throw unsupported(protocol, table, 'read');
}

function unsupported(protocol: ProtocolAction, table: string, verb: 'read' | 'write'): SluiceError {
  const { minReaderVersion, minWriterVersion, readerFeatures = [], writerFeatures = [] } = protocol;
  const features = [...new Set([...readerFeatures, ...writerFeatures])].join(', ');
  const found = `reader ${minReaderVersion}, writer ${minWriterVersion}${features === '' ? '' : ` (${features})`}`;
  const message =
    `another writer upgraded ${table} to ${found}; Sluice can ${verb} reader 1, writer 2 only: ` +
    `drop the features, or rebuild the table`;
  return new SluiceError('table_unsupported', message, { context: { table, minReaderVersion, minWriterVersion } });
}

/** By the protocol the path is the add's own text; writers that encode it otherwise are met half way. */
function removeFile(state: TableState, remove: RemoveAction): void {
  state.tombstones.set(remove.path, remove);
  if (state.files.delete(remove.path)) return;
  const wanted = decodedPath(remove.path);
  for (const path of state.files.keys()) {
    if (decodedPath(path) === wanted) state.files.delete(path);
  }
}

/** The object's name that a path of the log means. */
export function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
