import { deepStrictEqual } from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openEventSink } from '../../src/eventhubs/eventhubs.ts';
import type { Receiver } from '../../src/eventhubs/eventhubs.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import { callCentre } from '../../src/pipeline.ts';
import { openStore, parseLake } from '../../src/storage/open-store.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { startAzurite } from '../support/azurite.ts';
import { hold } from '../support/crash-bronze-watch.ts';
import { hostileStream, randomFrom, type Random } from '../support/hostile-stream.ts';
import { slowLake, type Arrival, type Row } from '../support/slow-model.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../support/small-lake.ts';
import { startSluice, temporaryFolder, type Finished } from '../support/sluice-process.ts';

const DATASETS = callCentre.datasets.map(({ name }) => name) as Arrival['dataset'][];
/** They take turns: what one has left half done the other goes on with. */
const RECEIVERS: readonly Receiver[] = ['sdk', 'direct'];
const TIME_ZONE = 'America/Sao_Paulo';
const NOT_UTF8 = Buffer.from([0xff]);
const never = new AbortController().signal;

const limits = {
  /** After so many kills the lake is brought to its end and compared. */
  killsARound: 5,
  /** A run has some this many writes, and takes this long on a quiet machine. */
  writes: 45,
  delayMs: 2_500,
  /** Processes started for each that is to be killed: some are done before. */
  startsAKill: 4,
} as const;

export interface ProcessKills {
  readonly on: 'folder' | 'azurite';
  readonly kills: number;
  readonly seed: number;
}

/** `ingest-once` to gold as real processes, killed with SIGKILL and run again until done, against the slow model. */
export async function killProcesses({ on, kills, seed }: ProcessKills): Promise<string> {
  const startedMs = performance.now();
  const { folder, remove } = temporaryFolder();
  const azurite = on === 'azurite' ? await startAzurite() : undefined;
  const workshop = await openWorkshop();
  const hubs = DATASETS.map((name) => ({ name, partitionCount: 2, consumerGroups: [] }));
  const hub = await startHub({ amqpPort: 0, tlsPort: 'off', healthPort: 'off', dataFolder: join(folder, 'hub'), hubs });
  try {
    const lake = azurite === undefined ? join(folder, 'lake') : `${azurite.blobUrl}/kills`;
    const connectionString = azurite?.connectionString;
    if (azurite === undefined) mkdirSync(lake);
    const store = await openStore(parseLake(lake), { connectionString, create: true }, never);
    const settings = {
      SLUICE_EVENTHUBS: hub.connectionString,
      SLUICE_LAKE: lake,
      SLUICE_SCRATCH: join(folder, 'scratch'),
      SLUICE_TIME_ZONE: TIME_ZONE,
      SLUICE_MEMORY: '512MiB',
      SLUICE_LOG: 'warn',
      ...(connectionString === undefined ? {} : { AZURE_STORAGE_CONNECTION_STRING: connectionString }),
    };
    const killing = new Killing(folder, settings, hub, new Outside(workshop, store), seed);
    await killing.run(kills);
    const seconds = (performance.now() - startedMs) / 1000;
    return `seed ${seed}, ${killing.summary()}: 0 lost, 0 double; ${seconds.toFixed(1)} s`;
  } catch (cause) {
    const again = `node test/crash/run.ts --level process --kills ${2 * kills} --seed ${seed}`;
    throw new Error(`${on}: ${(cause as Error).message}\nreplay: ${again}`, { cause });
  } finally {
    await hub.stop();
    await workshop.close();
    await azurite?.stop();
    remove();
  }
}

class Killing {
  readonly #folder: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #hub: RunningHub;
  readonly #outside: Outside;
  readonly #random: Random;
  readonly #sent = new Map<string, Arrival[]>(DATASETS.map((dataset) => [dataset, []]));
  readonly #places = new Set<string>();
  /** Kills by the receiver that read. */
  readonly #killedOn: Record<Receiver, number> = { direct: 0, sdk: 0 };
  #streams: number;
  #starts = 0;
  #kills = 0;
  #recoveries = 0;

  constructor(
    folder: string,
    settings: Readonly<Record<string, string>>,
    hub: RunningHub,
    outside: Outside,
    seed: number,
  ) {
    this.#folder = folder;
    this.#settings = settings;
    this.#hub = hub;
    this.#outside = outside;
    this.#random = randomFrom(seed);
    this.#streams = seed;
  }

  async run(kills: number): Promise<void> {
    let inRound = 0;
    while (this.#kills < kills) {
      hold(this.#starts < kills * limits.startsAKill, `only ${this.#kills} of ${this.#starts} processes were killed`);
      await this.#send();
      if (await this.#killed()) inRound++;
      if (inRound < limits.killsARound && this.#kills < kills) continue;
      await this.#recover();
      inRound = 0;
    }
  }

  summary(): string {
    const events = [...this.#sent.values()].reduce((sum, { length }) => sum + length, 0);
    const { direct, sdk } = this.#killedOn;
    return (
      `${this.#starts} processes, ${this.#kills} SIGKILLs (${direct} direct, ${sdk} sdk, ` +
      `${this.#places.size} at named writes), ` +
      `${this.#recoveries} recoveries, ${events} events`
    );
  }

  async #send(): Promise<void> {
    const { arrivals } = hostileStream(this.#streams++);
    for (const dataset of DATASETS) {
      const own = arrivals.filter((arrival) => arrival.dataset === dataset);
      if (own.length === 0) continue;
      const sink = openEventSink({ connection: this.#hub.connectionString, hub: dataset });
      const events = own.map(({ body, partitionId }) => ({
        body: body === null ? NOT_UTF8 : Buffer.from(body),
        partitionKey: `key ${partitionId}`,
      }));
      await sink.send(events, never);
      await sink.close();
      this.#sent.get(dataset)?.push(...own);
    }
  }

  /** Half by the clock, half at a write. False where the process was done before. */
  async #killed(): Promise<boolean> {
    this.#starts++;
    const byClock = this.#random.chance(0.5);
    const when = this.#random.pick(['before', 'after']);
    const write = { CRASH_AT_WRITE: `${when} ${1 + this.#random.below(limits.writes)}`, NODE_OPTIONS: PRELOAD };
    const delayMs = 200 + this.#random.below(limits.delayMs);
    const receiver = RECEIVERS[this.#starts % RECEIVERS.length] ?? 'direct';
    const { child, finished } = this.#start({ SLUICE_RECEIVER: receiver, ...(byClock ? {} : write) });
    const timer = byClock ? setTimeout(() => child.kill('SIGKILL'), delayMs) : undefined;
    const { exitCode, stderr } = await finished;
    clearTimeout(timer);
    if (child.signalCode !== 'SIGKILL') {
      hold(exitCode === 0, `a run ends ${exitCode}: ${stderr}`);
      return false;
    }
    this.#kills++;
    this.#killedOn[receiver]++;
    const place = /^killed .*$/m.exec(stderr)?.[0];
    if (place !== undefined) this.#places.add(place);
    return true;
  }

  async #recover(): Promise<void> {
    const receiver = RECEIVERS[this.#recoveries % RECEIVERS.length] ?? 'direct';
    const { exitCode, stderr } = await this.#start({ SLUICE_RECEIVER: receiver }).finished;
    hold(exitCode === 0, `the run after a kill ends ${exitCode}: ${stderr}`);
    this.#recoveries++;
    await this.#outside.compare(this.#sent);
  }

  #start(more: Readonly<Record<string, string>>): ReturnType<typeof startSluice> & { finished: Promise<Finished> } {
    return startSluice(['ingest-once', '--json'], { folder: this.#folder, settings: { ...this.#settings, ...more } });
  }
}

const PRELOAD = `--import=${new URL('kill-at-write.ts', import.meta.url).href}`;

/** The lake as another reader sees it. */
class Outside {
  readonly #lake: SmallLake;

  constructor(workshop: Workshop, store: ObjectStore) {
    this.#lake = new SmallLake(workshop, TIME_ZONE, store);
  }

  /** Everything sent is in bronze once, and silver and gold are the model's of it. */
  async compare(sent: ReadonlyMap<string, readonly Arrival[]>): Promise<void> {
    const arrivals: Arrival[] = [];
    for (const [dataset, own] of sent) {
      const found = await this.#arrived(dataset as Arrival['dataset'], own);
      const bodies = (of: readonly Arrival[]): string[] => of.map(({ body }) => JSON.stringify(body)).toSorted();
      deepStrictEqual(bodies(found), bodies(own), `[I1] bronze/${dataset} is not what was sent`);
      arrivals.push(...found);
    }
    const model = slowLake(arrivals, [], TIME_ZONE);
    for (const name of [...DATASETS, 'rejected_events'] as const) await this.#same(`silver/${name}`, model[name]);
    for (const name of ['agent_daily', 'queue_daily'] as const) await this.#same(`gold/${name}`, model[name]);
  }

  async #arrived(dataset: Arrival['dataset'], sent: readonly Arrival[]): Promise<Arrival[]> {
    const verdicts = new Map(sent.map(({ body, verdict }) => [body, verdict]));
    const rows = await this.#lake.rows(`bronze/${dataset}`);
    const numbers = new Map<string, number[]>();
    const arrivals = rows.map((row): Arrival => {
      const [partitionId, sequenceNumber] = [Number(row['partition_id']), Number(row['sequence_number'])];
      const own = numbers.get(String(partitionId));
      if (own === undefined) numbers.set(String(partitionId), [sequenceNumber]);
      else own.push(sequenceNumber);
      const body = row['body'] ?? null;
      const verdict = present(verdicts.get(body));
      const enqueuedAtUs = BigInt(row['enqueued_at'] ?? '');
      return { dataset, partitionId, sequenceNumber, enqueuedAtUs, body, verdict };
    });
    for (const [partition, found] of numbers) {
      const expected = Array.from({ length: found.length }, (_, index) => index);
      deepStrictEqual(
        found.toSorted((a, b) => a - b),
        expected,
        `[I2] ${dataset}, partition ${partition}`,
      );
    }
    return arrivals;
  }

  async #same(root: string, expected: readonly Row[]): Promise<void> {
    const inOrder = (rows: readonly Row[]): string[] =>
      rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();
    deepStrictEqual(inOrder(await this.#lake.rows(root)), inOrder(expected), `${root} is not the model's`);
  }
}
