import { silentLog } from '../../src/base/log.ts';
import type { BronzeOutcome } from '../../src/bronze/bronze.ts';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { drainHubs, ensureLayers, refineToGold, refineToSilver, type RunContext } from '../../src/cli/ingest-steps.ts';
import type { Lake } from '../../src/cli/lake.ts';
import type { Maintenance, Step } from '../../src/cli/maintain.ts';
import { leaveReceipt } from '../../src/cli/leave-receipt.ts';
import { RunRecord } from '../../src/cli/run-record.ts';
import { runStops } from '../../src/cli/run-stops.ts';
import { callCentre } from '../../src/pipeline.ts';
import { countCalls, type Receipt } from '../../src/report/report.ts';
import { takeLease, type Lease } from '../../src/storage/lease.ts';
import { openMemory } from '../../src/storage/memory.ts';
import type { Scratch } from '../../src/storage/scratch.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import type { EventSource } from '../../src/eventhubs/eventhubs.ts';
import type { Pipeline } from '../../schemas/contract.ts';
import { BronzeWatch, hold } from './crash-bronze-watch.ts';
import { holdToModel, type AgentVersions } from './crash-model.ts';
import { MiB } from '../../src/base/limits.ts';
import { CrashPoints, simulatedClock, sourceWithPoints, storeWithPoints, type PointAction } from './crash-points.ts';
import { SimulatedEventSource } from './simulated-event-source.ts';
import type { Arrival, Row } from './slow-model.ts';
import { present, SmallLake, type Workshop } from './small-lake.ts';

/** Parts of a run, which the names of its points begin with. */
export const STAGES = ['lease', 'tables', 'bronze', 'silver', 'gold', 'receipt'] as const;

const PARTITIONS = 3;
const START_MS = Date.UTC(2026, 10, 22);
const never = new AbortController().signal;
const NOT_UTF8 = Buffer.from([0xff]);
const MACHINE = { host: 'simulated', machine: 'simulated', processStart: '1' };

/** Counts runs and what became of them. */
export interface RunTally {
  events: number;
  run(points: CrashPoints): void;
}

/** A lake in memory, its simulated hubs, and processes that work on it one after the other. */
export class CrashWorld {
  readonly lake: ObjectStore;
  readonly workshop: Workshop;
  readonly timeZone: string;
  /** Of the runs and commands from now on. */
  pipeline: Pipeline = callCentre;
  /** False: somebody has moved rows of bronze, so that the watches no longer know its log. */
  isWatched = true;
  readonly #bytesMax: number;
  readonly #tally: RunTally;
  readonly #clock = simulatedClock(START_MS);
  readonly #hubs: ReadonlyMap<string, SimulatedEventSource>;
  readonly #watches: ReadonlyMap<string, BronzeWatch>;
  readonly #arrivals = new Map<string, Arrival>();
  readonly #uploadedBy = new Map<string, string>();
  readonly #agents: AgentVersions = new Map();
  #processes = 0;

  constructor(workshop: Workshop, timeZone: string, bytesMax: number, tally: RunTally) {
    this.workshop = workshop;
    this.timeZone = timeZone;
    this.lake = openMemory(this.#clock);
    this.#bytesMax = bytesMax;
    this.#tally = tally;
    const names = callCentre.datasets.map(({ name }) => name);
    this.#hubs = new Map(names.map((name) => [name, new SimulatedEventSource(name, PARTITIONS)]));
    this.#watches = new Map(names.map((name) => [name, new BronzeWatch(this.lake, name, this.hub(name))]));
  }

  hub(dataset: string): SimulatedEventSource {
    return present(this.#hubs.get(dataset));
  }

  send(arrival: Arrival): void {
    const { dataset, partitionId, sequenceNumber, body } = arrival;
    this.#arrivals.set(`${dataset}/${partitionId}/${sequenceNumber}`, arrival);
    this.hub(dataset).send(partitionId, body ?? NOT_UTF8);
  }

  /** Replaces the dimension. */
  async load(rows: readonly Row[]): Promise<void> {
    const lake = this.tables();
    lake.fence = ++this.#processes;
    await lake.agents(rows);
    const { version } = present(await lake.snapshot('silver/agents'));
    this.#agents.set(version, rows);
  }

  /** The lake as somebody reads it who has no part in what happens. */
  tables(): SmallLake {
    return new SmallLake(this.workshop, this.timeZone, this.lake);
  }

  /** What was sent of a dataset and is in these rows of its bronze table. */
  arrivals(dataset: string, rows: readonly { readonly partition: number; readonly number: number }[]): Arrival[] {
    return rows.map(({ partition, number }) => present(this.#arrivals.get(`${dataset}/${partition}/${number}`)));
  }

  /**
   * One process: a maintenance command under the lease of the lake, so many milliseconds from now. False where it was
   * killed. A step that fails ends it with its error.
   */
  async command({ name, steps, laterMs = 0 }: SimulatedCommand, action: PointAction): Promise<boolean> {
    this.isWatched = false;
    const points = new CrashPoints('lease', action);
    const runId = `run-${++this.#processes}`;
    const { store, calls } = countCalls(storeWithPoints(this.lake, points));
    const clock = { ...this.#clock, nowMs: () => this.#clock.nowMs() + laterMs };
    const { configuration, pipeline, lake, hubs } = this.#tools(store, calls, runId, points);
    await this.#withLease(store, runId, points, async ({ number }) => {
      points.stage = name;
      const work = { configuration, pipeline, lake: { ...lake, clock }, fence: number, stop: never };
      for (const step of await steps(work, (dataset) => present(hubs.find(({ hub }) => hub === dataset)).source)) {
        await step.run(points.signal);
      }
    }).catch((error: unknown) => {
      if (points.killedAt === undefined) throw error;
    });
    this.#tally.run(points);
    return points.killedAt === undefined;
  }

  /** One process: a run as `ingest-once` does it. Undefined where it was killed. */
  async run(action: PointAction): Promise<Receipt | undefined> {
    const points = new CrashPoints('lease', action);
    const runId = `run-${++this.#processes}`;
    const { store, calls } = countCalls(storeWithPoints(this.lake, points));
    const ended = await this.#runOnce(store, calls, runId, points).catch((error: unknown) => {
      if (points.killedAt === undefined) throw error;
      return undefined;
    });
    for (const path of points.uploads) this.#uploadedBy.set(path, runId);
    this.#tally.run(points);
    if (points.killedAt !== undefined || ended === undefined) return undefined;
    await this.#holdReceipt(ended, runId);
    return ended.receipt;
  }

  /** Holds every table to the invariants and the model as it is now, in the middle of whatever happened. */
  async look(): Promise<void> {
    for (const watch of this.#watches.values()) await watch.look(this.#uploadedBy);
    await holdToModel(this.tables(), this.timeZone, this.#agents, (dataset, version) =>
      this.arrivals(
        dataset,
        present(this.#watches.get(dataset)).rows.filter((row) => row.version <= version),
      ),
    );
  }

  isAllThere(): void {
    for (const [dataset, watch] of this.#watches) {
      for (const [partition, { events }] of this.hub(dataset).partitions.entries()) {
        const next = watch.committed.get(partition);
        hold(next === events.length, `[I1] ${dataset}, partition ${partition}: wants ${next} of ${events.length}`);
      }
      this.#tally.events += watch.rows.length;
    }
  }

  /** Names of all objects of the tables, in one text. The table of runs tells of every run. */
  async dataFiles(): Promise<string> {
    const paths: string[] = [];
    for await (const { path } of this.lake.list('', new AbortController().signal)) {
      if (/^(bronze|silver|gold)\/|^_sluice\/gaps/.test(path)) paths.push(path);
    }
    return paths.join('\n');
  }

  async #runOnce(store: ObjectStore, calls: Lake['calls'], runId: string, points: CrashPoints): Promise<Ended> {
    return this.#withLease(store, runId, points, async (lease) => {
      const run = this.#context(store, calls, runId, points, lease);
      for (const [stage, step] of STEPS) {
        points.stage = stage;
        await step(run);
      }
      points.stage = 'receipt';
      return { receipt: await leaveReceipt(run), bronze: run.record.bronze };
    });
  }

  async #withLease<T>(
    store: ObjectStore,
    runId: string,
    points: CrashPoints,
    action: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    const process = { ...MACHINE, pid: this.#processes };
    const taking = { runId, command: 'simulated', durationMs: 60_000, clock: this.#clock, log: silentLog, process };
    const taken = await takeLease(store, { ...taking, isAlive: () => false }, points.signal);
    if (taken.kind !== 'held') throw new Error('the lease of a process that is gone is not free');
    try {
      return await action(taken.lease);
    } finally {
      points.stage = 'lease';
      await taken.lease.release();
    }
  }

  #context(store: ObjectStore, calls: Lake['calls'], runId: string, points: CrashPoints, lease: Lease): RunContext {
    return {
      ...this.#tools(store, calls, runId, points),
      record: new RunRecord(START_MS, false),
      held: { lease, stops: runStops(lease.lost, points.signal), isLocked: () => lease.lost.aborted },
      to: 'gold',
    };
  }

  #tools(
    store: ObjectStore,
    calls: Lake['calls'],
    runId: string,
    points: CrashPoints,
  ): Pick<RunContext, 'configuration' | 'pipeline' | 'lake' | 'hubs'> {
    const settings = { SLUICE_TIME_ZONE: this.timeZone, SLUICE_ON_LOSS: 'record' };
    // A fifth of the memory is for events, shared by the hubs.
    const memoryBytesMax = this.#bytesMax * 5 * this.#hubs.size;
    const { scratch, database } = this.workshop;
    const timeOf = (dataset: string) => (partitionId: string, number: number) =>
      present(this.#arrivals.get(`${dataset}/${partitionId}/${number}`)).enqueuedAtUs;
    return {
      configuration: { ...readConfiguration(settings), memoryBytesMax },
      pipeline: this.pipeline,
      lake: {
        store,
        calls,
        scratch: ofWhatIsThere(scratch.scope(), this.lake),
        bodyBytesMax: 160 * MiB,
        runId,
        clock: this.#clock,
        log: silentLog,
        table: (root) => ({ store, root }),
        openDatabase: async () => database,
        close: async () => undefined,
      },
      hubs: this.pipeline.datasets.map((dataset) => ({
        dataset,
        hub: dataset.name,
        source: sourceWithPoints(this.hub(dataset.name), points, timeOf(dataset.name)),
      })),
    };
  }

  async #holdReceipt({ receipt, bronze }: Ended, runId: string): Promise<void> {
    const [error] = receipt.errors;
    hold(receipt.exitCode === 0, `a run ends ${receipt.outcome}: ${error?.message}`);
    if (!this.isWatched) return;
    for (const outcome of bronze) {
      const watch = present(this.#watches.get(outcome.dataset));
      for (const [partition, { rows }] of outcome.partitions.entries()) {
        const said = receipt.hubs.find(({ dataset }) => dataset === outcome.dataset)?.partitions[partition];
        hold(said?.rows === rows, `[I6] receipt: ${outcome.dataset} has ${rows}, the receipt says ${said?.rows}`);
      }
      await watch.look(this.#uploadedBy);
      watch.receipt(outcome, runId);
    }
  }
}

/** A maintenance command as the command line carries it out. */
export interface SimulatedCommand {
  readonly name: string;
  readonly steps: (
    work: Maintenance,
    sourceOf: (dataset: string) => EventSource,
  ) => readonly Step[] | Promise<readonly Step[]>;
  readonly laterMs?: number;
}

/** Copies of objects that are gone do not help: another machine has none. */
function ofWhatIsThere(scratch: Scratch, lake: ObjectStore): Scratch {
  return {
    ...scratch,
    async fetch(store, path, signal) {
      if ((await lake.read(path, never)) === undefined) throw new Error(`[I9] ${path} is wanted and not there`);
      return scratch.fetch(store, path, signal);
    },
    scope: () => ofWhatIsThere(scratch.scope(), lake),
  };
}

interface Ended {
  readonly receipt: Receipt;
  readonly bronze: readonly BronzeOutcome[];
}

const STEPS = [
  ['tables', ensureLayers],
  ['bronze', drainHubs],
  ['silver', refineToSilver],
  ['gold', refineToGold],
] as const;
