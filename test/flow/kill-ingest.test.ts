import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { openEventSink } from '../../src/eventhubs/eventhubs.ts';
import { openFolder } from '../../src/storage/folder.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { startHub } from '../../src/hub/hub.ts';
import type { RunningHub } from '../../src/hub/hub.ts';
import { openBronzeWorkshop, select } from '../support/bronze-lake.ts';
import type { BronzeWorkshop } from '../support/bronze-lake.ts';

const EVENTS = 200_000;
const PARTITIONS = 4;
const KILLS = 10;
const launcher = resolve(import.meta.dirname, '../../bin/sluice.js');
const never = new AbortController().signal;

let folder: string;
let hub: RunningHub;
let workshop: BronzeWorkshop;
let store: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-kill-'));
  const hubs = ['ivr_calls', 'call_legs', 'surveys'].map((name) => ({
    name,
    partitionCount: PARTITIONS,
    consumerGroups: [],
  }));
  hub = await startHub({ amqpPort: 0, tlsPort: 'off', healthPort: 'off', dataFolder: join(folder, 'hub'), hubs });
  workshop = await openBronzeWorkshop();
  store = openFolder(join(folder, 'lake'));
});

afterAll(async () => {
  await workshop.close();
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

function ingestOnce(): ChildProcess {
  return spawn(process.execPath, [launcher, 'ingest-once', '--to', 'bronze', '--json'], {
    cwd: folder,
    env: {
      ...process.env,
      SLUICE_EVENTHUBS: hub.connectionString,
      SLUICE_LAKE: join(folder, 'lake'),
      SLUICE_SCRATCH: join(folder, 'scratch'),
      // The least there is: many commits, so that a kill finds one under way.
      SLUICE_MEMORY: '128MiB',
      SLUICE_LOG: 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Milliseconds in a fixed pseudo-random order, so that a failure can be repeated. */
function* delaysMs(from: number, to: number): Generator<number, never> {
  for (let state = 20_260_105; ; state = (state * 1_103_515_245 + 12_345) % 2 ** 31) {
    yield from + Math.floor((state / 2 ** 31) * (to - from));
  }
}

/** Sends the numbers from `from` to before `to`. */
async function send(from: number, to: number): Promise<void> {
  const sink = openEventSink({ connection: hub.connectionString, hub: 'ivr_calls' });
  const events = Array.from({ length: to - from }, (_, i) => ({
    body: Buffer.from(JSON.stringify({ number: from + i, filling: 'x'.repeat(200 + (i % 100)) })),
    partitionKey: `key-${i % 50}`,
  }));
  await sink.send(events, never);
  await sink.close();
}

// A run is over soon: a fifth of a second after its lease it still reads, and right after its commit it still tells.
const KILLED_AFTER = [
  { place: 'lake/_sluice/lease', delays: delaysMs(0, 200) },
  { place: 'lake/bronze/ivr_calls/_delta_log', delays: delaysMs(0, 30) },
];

/** Kills a run some time after it has put another file there; false where it ended before that. */
async function killedAfterNewFile(place: string, delayMs: number): Promise<boolean> {
  const names = (): Promise<string[]> => readdir(join(folder, place)).catch(() => []);
  const before = new Set(await names());
  const child = ingestOnce();
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  while (child.exitCode === null && (await names()).every((name) => before.has(name))) await sleep(5);
  await Promise.race([sleep(delayMs), exited]);
  child.kill('SIGKILL');
  const [, signal] = await exited;
  return signal === 'SIGKILL';
}

test('killed with SIGKILL ten times during a drain, and run again: every event is there once', async () => {
  // Half waits at the start, and some come before every run: so that each has something to be killed in.
  const perRun = EVENTS / 2 / KILLS;
  await send(0, EVENTS / 2);
  let killed = 0;
  for (let run = 0; run < KILLS; run++) {
    await send(EVENTS / 2 + run * perRun, EVENTS / 2 + (run + 1) * perRun);
    // In turn: at any time after the run has begun to work, and soon after it has committed something.
    const { place, delays } = present(KILLED_AFTER[run % KILLED_AFTER.length], 'a place');
    if (await killedAfterNewFile(place, delays.next().value)) killed++;
  }
  expect(killed).toBeGreaterThan(KILLS / 2);
  const [before] = await select<{ rows: bigint }>(workshop, store, 'SELECT count(*) AS rows FROM bronze', 'ivr_calls');
  expect(before?.rows).toBeGreaterThan(0n);

  const last = ingestOnce();
  last.stdout?.resume();
  expect(await once(last, 'exit')).toEqual([0, null]);

  const [found] = await select(
    workshop,
    store,
    `SELECT count(*) AS rows, count(DISTINCT body) AS bodies,
       count(DISTINCT (partition_id, sequence_number)) AS numbers,
       count(DISTINCT CAST(json_extract_string(body, '$.number') AS BIGINT)) AS sent FROM bronze`,
    'ivr_calls',
  );
  const all = BigInt(EVENTS);
  expect(found).toEqual({ rows: all, bodies: all, numbers: all, sent: all });
});
