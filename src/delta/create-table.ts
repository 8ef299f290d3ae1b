import { randomUUID } from 'node:crypto';
import type { TableContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { putOnce } from '../storage/storage.ts';
import type { CommitContext, Snapshot, TableLocation } from './delta.ts';
import { inTurn } from './in-turn.ts';
import { encodeEntry, type Action } from './log-entry.ts';
import { entryPath } from './log-path.ts';
import { openToWrite } from './snapshot.ts';
import { checkContract, schemaStringOf } from './table-schema.ts';
import { checkWritable } from './table-state.ts';

/** See the door. */
export async function ensureTable(
  location: TableLocation,
  contract: TableContract,
  options: { readonly configuration?: Readonly<Record<string, string>>; readonly context: CommitContext },
  signal: AbortSignal,
): Promise<Snapshot> {
  const table = `${location.store.url}/${location.root}`;
  const open = (): Promise<Snapshot | undefined> => openToWrite(location, options.context.clock, signal);
  // Of those who miss it at once in this process the first one makes it.
  const made = (): Promise<Snapshot> =>
    inTurn(location, async () => (await open()) ?? create(location, contract, options, signal));
  const snapshot = (await open()) ?? (await made());
  checkWritable(snapshot.protocol, table);
  checkContract(snapshot.contract, contract, table);
  return snapshot;
}

async function create(
  location: TableLocation,
  contract: TableContract,
  options: { readonly configuration?: Readonly<Record<string, string>>; readonly context: CommitContext },
  signal: AbortSignal,
): Promise<Snapshot> {
  const { context } = options;
  const txnId = randomUUID();
  const configuration = { ...contract.properties, ...options.configuration };
  const entry = encodeEntry(firstActions(contract, configuration, txnId, context));
  // Whoever wins: the table that is there then is the one to open.
  await putOnce(location.store, entryPath(location, 0), entry, context, signal);
  return present(await openToWrite(location, context.clock, signal), `the table ${location.root} just created`);
}

function firstActions(
  contract: TableContract,
  configuration: Readonly<Record<string, string>>,
  txnId: string,
  context: CommitContext,
): Action[] {
  const nowMs = context.clock.nowMs();
  const commitInfo = {
    timestamp: nowMs,
    operation: 'CREATE TABLE',
    operationParameters: { runId: context.runId },
    isBlindAppend: true,
    engineInfo: 'sluice',
    txnId,
  };
  const metaData = {
    id: randomUUID(),
    format: { provider: 'parquet', options: {} },
    schemaString: schemaStringOf(contract),
    partitionColumns: contract.partitionColumns,
    configuration,
    createdTime: nowMs,
  };
  return [{ commitInfo }, { protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }];
}
