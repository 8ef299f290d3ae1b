import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import type { ColumnType, TableContract } from '../../schemas/contract.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { commit, defineRelation, ensureTable, readSnapshot, writeFiles } from '../../src/delta/delta.ts';
import type { Snapshot, TableLocation } from '../../src/delta/delta.ts';
import { openDatabase, type Database } from '../../src/duckdb/duckdb.ts';
import { buildGold, type GoldOptions, type GoldOutcome } from '../../src/gold/gold.ts';
import { callCentre } from '../../src/pipeline.ts';
import { buildSilver, loadDimension, rebuildSilver, replayRejected } from '../../src/silver/silver.ts';
import type {
  RebuildOutcome,
  ReplayOptions,
  ReplayOutcome,
  SilverOptions,
  SilverOutcome,
} from '../../src/silver/silver.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { openScratch, type Scratch } from '../../src/storage/scratch.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import type { Arrival, Row } from './slow-model.ts';

const MiB = 2 ** 20;

/** DuckDB and scratch shared by the lakes of a test file. */
export interface Workshop {
  readonly database: Database;
  readonly scratch: Scratch;
  close(): Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-small-lake-'));
  const database = await openDatabase({
    memoryBytesMax: 512 * MiB,
    threads: 1,
    temporaryFolder: join(folder, 'spill'),
  });
  const scratch = await openScratch(join(folder, 'scratch'), 512 * MiB);
  return {
    database,
    scratch,
    async close() {
      database.close();
      await scratch.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A lake in memory, whose bronze the test writes itself. */
export class SmallLake {
  readonly store: ObjectStore;
  readonly workshop: Workshop;
  readonly timeZone: string;
  readonly #clock: Clock;
  fence = 1;
  databaseOpens = 0;
  #nowMs = Date.UTC(2026, 10, 22);

  constructor(workshop: Workshop, timeZone = 'America/Sao_Paulo', store: ObjectStore = openMemory()) {
    this.workshop = workshop;
    this.timeZone = timeZone;
    this.store = store;
    // Every look at the clock is later than the one before: what depends on the time of a run shows.
    this.#clock = { nowMs: () => (this.#nowMs += 1000), sleep: () => Promise.resolve() };
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  table(name: string): TableLocation {
    return { store: this.store, root: name };
  }

  tools(): {
    openDatabase: () => Promise<Database>;
    scratch: Scratch;
    fence: number;
    runId: string;
    clock: Clock;
    log: typeof silentLog;
  } {
    return {
      openDatabase: async () => {
        this.databaseOpens += 1;
        return this.workshop.database;
      },
      scratch: this.workshop.scratch,
      fence: this.fence,
      runId: 'test',
      clock: this.#clock,
      log: silentLog,
    };
  }

  silver(dataset: string, options: Partial<SilverOptions> = {}): Promise<SilverOutcome> {
    return buildSilver(this.silverOptions(dataset, options), signal());
  }

  rebuildSilver(dataset: string, options: Partial<SilverOptions> = {}): Promise<RebuildOutcome> {
    return rebuildSilver({ ...this.silverOptions(dataset, options), engine: 'test' }, signal());
  }

  replayRejected(dataset: string, options: Partial<ReplayOptions> = {}): Promise<ReplayOutcome> {
    return replayRejected(this.silverOptions(dataset, options), signal());
  }

  silverOptions(dataset: string, options: Partial<SilverOptions> = {}): SilverOptions {
    const contract = present(callCentre.datasets.find(({ name }) => name === dataset));
    const tables = {
      bronze: this.table(`bronze/${dataset}`),
      silver: this.table(`silver/${dataset}`),
      rejected: this.table('silver/rejected_events'),
    };
    return { ...this.tools(), ...tables, dataset: contract, timeZone: this.timeZone, ...options };
  }

  async gold(view: string, more: Partial<GoldOptions> = {}): Promise<GoldOutcome> {
    const contract = present(callCentre.gold.find(({ name }) => name === view));
    const tables = (name: string): { location: TableLocation; contract: TableContract } => ({
      location: this.table(`silver/${name}`),
      contract: contractOf(name),
    });
    const options = { ...this.tools(), view: contract, tables, gold: this.table(`gold/${view}`), ...more };
    return buildGold(options, signal());
  }

  /** Silver of all datasets and gold of all views. */
  async run(datasets = callCentre.datasets.map(({ name }) => name)): Promise<Record<string, GoldOutcome>> {
    for (const dataset of datasets) await this.silver(dataset);
    return { agent_daily: await this.gold('agent_daily'), queue_daily: await this.gold('queue_daily') };
  }

  async agents(rows: readonly Row[]): Promise<void> {
    const contract = present(callCentre.dimensions.find(({ name }) => name === 'agents'));
    const whole = rows.map((row) =>
      Object.fromEntries(contract.table.columns.map(({ name }) => [name, row[name] ?? null])),
    );
    const table = this.table('silver/agents');
    await loadDimension({ ...this.tools(), contract, table, source: { rows: whole } }, signal());
  }

  /** One bronze commit of these rows, in this order. */
  async bronze(dataset: string, arrivals: readonly Arrival[]): Promise<void> {
    const location = this.table(`bronze/${dataset}`);
    const context = { clock: this.#clock, runId: 'test' };
    const snapshot = await ensureTable(location, bronzeTable, { context }, signal());
    const { database, scratch } = this.workshop;
    await database.run(`CREATE OR REPLACE TABLE arrived (
      body VARCHAR, body_base64 VARCHAR, partition_id INTEGER, sequence_number BIGINT, enqueued_us BIGINT)`);
    const appender = await database.connection.createAppender('arrived');
    for (const arrival of arrivals) {
      if (arrival.body === null) appender.appendNull();
      else appender.appendVarchar(arrival.body);
      if (arrival.body === null) appender.appendVarchar('/w==');
      else appender.appendNull();
      appender.appendInteger(arrival.partitionId);
      appender.appendBigInt(BigInt(arrival.sequenceNumber));
      appender.appendBigInt(arrival.enqueuedAtUs);
      appender.endRow();
    }
    appender.closeSync();
    await database.run(`CREATE OR REPLACE TABLE staged AS SELECT body, body_base64, NULL::VARCHAR AS properties,
      partition_id, sequence_number, sequence_number::VARCHAR AS "offset", make_timestamptz(enqueued_us) AS enqueued_at,
      NULL::VARCHAR AS partition_key, make_timestamptz(enqueued_us) AS ingested_at, 'test' AS run_id,
      DATE '2026-11-22' + (sequence_number % 2)::INTEGER AS ingestion_date FROM arrived`);
    const add = await writeFiles(database, location, bronzeTable, 'staged', scratch, signal());
    const result = await commit(location, snapshot, { operation: 'WRITE', add }, context, signal());
    if (result.kind !== 'committed') throw new Error(result.reason);
  }

  snapshot(name: string): Promise<Snapshot | undefined> {
    return readSnapshot(this.table(name), signal());
  }

  /** All rows as text, instants as microseconds, in no order; without what is outside every comparison. */
  async rows(name: string): Promise<Row[]> {
    const snapshot = present(await this.snapshot(name));
    const scratch = this.workshop.scratch.scope();
    const { database } = this.workshop;
    try {
      const files = snapshot.files.values();
      await defineRelation(database, 'looked_at', this.table(name), snapshot.contract, files, scratch, signal());
      const columns = snapshot.contract.columns.filter(({ name: column }) => !OUTSIDE.has(column)).map(asText);
      // The mark in front: the driver drops a byte-order mark at the head of a string.
      const rows = await database.rows<Row>(`SELECT ${columns.join(', ')} FROM looked_at`);
      return rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value?.slice(1) ?? null])),
      );
    } finally {
      scratch.release();
    }
  }
}

/** Outside every comparison: domain section 3; the base64 is for eyes. */
const OUTSIDE = new Set(['loaded_at', 'rejected_at', 'body_base64']);

function asText({ name, type }: { name: string; type: ColumnType }): string {
  const value = type === 'timestamp' ? `epoch_us("${name}")` : `"${name}"`;
  return `'|' || ${value}::VARCHAR AS "${name}"`;
}

function contractOf(name: string): TableContract {
  const dataset = callCentre.datasets.find((contract) => contract.name === name);
  return dataset?.silver ?? present(callCentre.dimensions.find((contract) => contract.name === name)).table;
}

function signal(): AbortSignal {
  return new AbortController().signal;
}

export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('absent');
  return value;
}
