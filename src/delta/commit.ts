import { randomUUID } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { backoffDelayMs, DEFAULT_BACKOFF } from '../base/backoff.ts';
import { isAbort, SluiceError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { putOnce } from '../storage/storage.ts';
import { changesTable, FENCE, findConflict } from './conflict.ts';
import type { Change, CommitContext, CommitResult, DataFile, Snapshot, TableLocation } from './delta.ts';
import { inTurn } from './in-turn.ts';
import { checkpointIfDue } from './log-checkpoint.ts';
import {
  decodeEntry,
  encodeEntry,
  type Action,
  type AddAction,
  type MetadataAction,
  type RemoveAction,
} from './log-entry.ts';
import { memoryOf } from './log-memory.ts';
import { entryPath } from './log-path.ts';
import { advance } from './snapshot.ts';
import { schemaStringOf, withColumns } from './table-schema.ts';
import { applyActions, checkWritable, snapshotOf, stateOf, type TableState } from './table-state.ts';

/** See the door. */
export async function commit(
  location: TableLocation,
  base: Snapshot,
  change: Change,
  context: CommitContext,
  signal: AbortSignal,
): Promise<CommitResult> {
  checkChange(location, base, change);
  // Datasets of one run would only lose races to each other, and wait after each.
  return inTurn(location, () => commitInTurn(location, base, change, context, signal));
}

async function commitInTurn(
  location: TableLocation,
  base: Snapshot,
  change: Change,
  context: CommitContext,
  signal: AbortSignal,
): Promise<CommitResult> {
  const txnId = randomUUID();
  const winners: Action[] = [];
  let snapshot = base;
  let seenVersion = base.version;
  for (let attempt = 0; attempt < LIMITS.commitAttemptsMax; attempt++) {
    // Also before the first try: the protocol is the newest one, and no entry is put into a hole of a cleaned log.
    const newer = await advance(location, snapshot, seenVersion, context.clock, signal);
    snapshot = newer.snapshot;
    winners.push(...newer.actions);
    checkWritable(snapshot.protocol, tableName(location));
    const reason = findConflict(snapshot, winners, change, tableName(location));
    if (reason !== undefined) return { kind: 'conflicted', reason, snapshot };

    const version = snapshot.version + 1;
    const [path, entry] = [entryPath(location, version), encodeEntry(actionsOf(snapshot, change, txnId, context))];
    if ((await putOnce(location.store, path, entry, context, signal)) === 'won') {
      // As every reader will have them.
      const actions = decodeEntry(entry, path);
      memoryOf(location).keepEntry(version, String(entry.byteLength), actions);
      return committed(location, snapshot, version, actions, context, signal);
    }
    seenVersion = version;
    const delayMs = backoffDelayMs(attempt, DEFAULT_BACKOFF, context.random ?? Math.random);
    await context.clock.sleep(delayMs, signal);
  }
  const message = `${tableName(location)}: other writers won ${LIMITS.commitAttemptsMax} commits in a row; run again`;
  throw new SluiceError('table_conflict', message, { context: { table: location.root } });
}

async function committed(
  location: TableLocation,
  snapshot: Snapshot,
  version: number,
  actions: readonly Action[],
  context: CommitContext,
  signal: AbortSignal,
): Promise<CommitResult> {
  const state = stateOf(snapshot);
  applyActions(state, version, actions);
  await tryCheckpoint(location, state, context, signal);
  return { kind: 'committed', snapshot: snapshotOf(state, location) };
}

/** A log checkpoint only spares readers work: the commit stands without. */
async function tryCheckpoint(
  location: TableLocation,
  state: TableState,
  context: CommitContext,
  signal: AbortSignal,
): Promise<void> {
  const { version } = state;
  try {
    state.checkpointVersion = await checkpointIfDue(location, state, context.clock.nowMs(), signal);
  } catch (error) {
    if (isAbort(error)) return;
    const reason = error instanceof Error ? error.message : String(error);
    context.log?.warn('log checkpoint not written', { table: location.root, version, reason });
  }
}

function checkChange(location: TableLocation, base: Snapshot, change: Change): void {
  const { add = [], remove = [], transactions = [], dataChange = true } = change;
  const appIds = transactions.map(({ appId }) => appId);
  assert(new Set(appIds).size === appIds.length, `one txn an appId in a commit to ${location.root}`);
  assert(!appIds.includes(FENCE), `the fence of ${location.root} is moved by the commit itself`);
  const known = new Set(base.contract.columns.map(({ name }) => name));
  const doubled = (change.addColumns ?? []).filter(({ name }) => known.has(name));
  assert(doubled.length === 0, `${location.root} gains only columns that it has not`);
  const isWhole = change.contract === undefined || remove.length === base.files.size;
  assert(isWhole, `${location.root} gets other columns only with other files`);
  const appendOnly = base.configuration['delta.appendOnly'] === 'true';
  assert(!(appendOnly && dataChange && remove.length > 0), `${location.root} is append-only, no row of it is removed`);
  for (const { path, partitionValues } of add) {
    const named = (change.contract ?? base.contract).partitionColumns.every(
      (column) => partitionValues[column] !== undefined,
    );
    assert(named, `${path} of ${location.root} has a value for each partition column`);
  }
}

function actionsOf(snapshot: Snapshot, change: Change, txnId: string, context: CommitContext): Action[] {
  const nowMs = context.clock.nowMs();
  const { add = [], remove = [], transactions = [], dataChange = true } = change;
  const actions: Action[] = [{ commitInfo: commitInfoOf(snapshot, change, txnId, context.runId, nowMs) }];
  const metaData = changedMetadata(snapshot.metadata, change);
  if (metaData !== undefined) actions.push({ metaData });
  for (const { appId, next } of transactions) {
    if (next !== undefined) actions.push({ txn: { appId, version: next, lastUpdated: nowMs } });
  }
  if (change.fence !== undefined) actions.push({ txn: { appId: FENCE, version: change.fence, lastUpdated: nowMs } });
  for (const file of remove) actions.push({ remove: removeOf(file, dataChange, nowMs) });
  for (const file of add) actions.push({ add: addOf(file, dataChange) });
  return actions;
}

function changedMetadata(found: MetadataAction, change: Change): MetadataAction | undefined {
  const { configuration = found.configuration, contract, addColumns = [] } = change;
  if (!changesTable(change)) return undefined;
  const schemaString = contract === undefined ? found.schemaString : schemaStringOf(contract);
  const partitionColumns = contract?.partitionColumns ?? found.partitionColumns;
  return { ...found, configuration, partitionColumns, schemaString: withColumns(schemaString, addColumns) };
}

function commitInfoOf(snapshot: Snapshot, change: Change, txnId: string, runId: string, nowMs: number) {
  return {
    timestamp: nowMs,
    operation: change.operation,
    operationParameters: { ...change.parameters, runId },
    readVersion: snapshot.version,
    isBlindAppend: isBlindAppend(change),
    engineInfo: 'sluice',
    txnId,
  };
}

function isBlindAppend(change: Change): boolean {
  return (change.remove ?? []).length === 0 && change.reads === undefined && !changesTable(change);
}

function addOf(file: DataFile, dataChange: boolean): AddAction {
  return {
    path: file.path,
    partitionValues: file.partitionValues,
    size: file.sizeBytes,
    modificationTime: file.modifiedAtMs,
    dataChange,
    ...(file.statistics === undefined ? {} : { stats: file.statistics }),
  };
}

function removeOf(file: DataFile, dataChange: boolean, nowMs: number): RemoveAction {
  return {
    path: file.path,
    deletionTimestamp: nowMs,
    dataChange,
    extendedFileMetadata: true,
    partitionValues: file.partitionValues,
    size: file.sizeBytes,
  };
}

function tableName(location: TableLocation): string {
  return `${location.store.url}/${location.root}`;
}
