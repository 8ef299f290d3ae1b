import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import type { TableContract } from '../../schemas/contract.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { MiB } from '../../src/base/limits.ts';
import { ingestBronze } from '../../src/bronze/bronze.ts';
import type { BronzeOptions, BronzeOutcome } from '../../src/bronze/bronze.ts';
import { defineRelation, readSnapshot } from '../../src/delta/delta.ts';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import type { Database } from '../../src/duckdb/duckdb.ts';
import { openCheckpoints } from '../../src/eventhubs/eventhubs.ts';
import type { EventSource } from '../../src/eventhubs/eventhubs.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import type { Scratch } from '../../src/storage/scratch.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

const never = new AbortController().signal;

/** DuckDB and scratch for the bronze tables of a test file. */
export interface BronzeWorkshop {
  readonly database: Database;
  readonly scratch: Scratch;
  readonly folder: string;
  close(): Promise<void>;
}

export async function openBronzeWorkshop(): Promise<BronzeWorkshop> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bronze-'));
  const temporaryFolder = join(folder, 'spill');
  const database = await openDatabase({ memoryBytesMax: 512 * MiB, threads: 1, temporaryFolder });
  const scratch = await openScratch(join(folder, 'scratch'), 512 * MiB);
  return {
    database,
    scratch,
    folder,
    async close() {
      database.close();
      await scratch.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function bronzeOptions(
  workshop: BronzeWorkshop,
  store: ObjectStore,
  source: EventSource,
  over: Partial<BronzeOptions> = {},
): BronzeOptions {
  return {
    dataset: 'calls',
    source,
    table: { store, root: 'bronze/calls' },
    gaps: { store, root: '_sluice/gaps' },
    checkpoints: openCheckpoints(store, { namespace: source.namespace, hub: source.hub, consumerGroup: 'own' }),
    scratch: workshop.scratch,
    consumerGroup: 'own',
    fence: 1,
    start: 'earliest',
    onLoss: 'fail',
    bytesMax: 8 * MiB,
    // Every buffer that is full is committed.
    fileBytesMax: 1,
    runId: 'run',
    clock: systemClock,
    log: silentLog,
    softStop: never,
    ...over,
  };
}

export function ingest(
  workshop: BronzeWorkshop,
  store: ObjectStore,
  source: EventSource,
  over: Partial<BronzeOptions> = {},
  signal: AbortSignal = never,
): Promise<BronzeOutcome> {
  return ingestBronze(bronzeOptions(workshop, store, source, over), signal);
}

/** Rows of `bronze` and `gaps`, whichever the SQL reads. */
export async function select<Row extends Record<string, unknown>>(
  { database, scratch }: BronzeWorkshop,
  store: ObjectStore,
  sql: string,
  dataset = 'calls',
): Promise<Row[]> {
  const connection = await database.connect();
  const tables: readonly [string, string, TableContract][] = [
    ['bronze', `bronze/${dataset}`, bronzeTable],
    ['gaps', '_sluice/gaps', gapsTable],
  ];
  try {
    for (const [name, root, contract] of tables) {
      const snapshot = await readSnapshot({ store, root }, never);
      await defineRelation(connection, name, { store, root }, contract, snapshot?.files.values() ?? [], scratch, never);
    }
    return await connection.rows<Row>(sql);
  } finally {
    connection.close();
    scratch.release();
  }
}
