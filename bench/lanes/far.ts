import { startBenchHub, type BenchHub } from '../bench-hub.ts';
import { buildBundle } from '../build-bundle.ts';
import { startFarStore, type FarStore } from '../far-store.ts';
import { runMeasured } from '../measured-process.ts';
import { spreadOf, type Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const EVENTS = 10_000;
const WARM_RUNS = 2;
const DELAYS_MS = [0, 20];
const launcher = new URL('../../bin/sluice.js', import.meta.url).pathname;

/** What a run waits for where each call to the lake takes its time: how often it asks for one thing after another. */
export const far: Lane = {
  name: 'far',
  optional: true,
  about: `runs to gold over Azurite, calls 20 ms longer: nothing new, and ${EVENTS.toLocaleString('en')} events`,
  async run(options) {
    await buildBundle();
    const hub = await startBenchHub(4);
    const stores = new Map<number, FarStore>();
    try {
      for (const delayMs of DELAYS_MS) stores.set(delayMs, await startFarStore(delayMs));
      return await measure(hub, stores, options);
    } finally {
      for (const store of stores.values()) await store.stop();
      await hub.stop();
    }
  },
};

async function measure(
  hub: BenchHub,
  stores: ReadonlyMap<number, FarStore>,
  options: LaneOptions,
): Promise<readonly Figure[]> {
  const samples = new Map<string, Sample[]>();
  for (let run = 0; run < options.runs + WARM_RUNS; run++) {
    options.say(`run ${run + 1} of ${options.runs + WARM_RUNS}`);
    await hub.fill(EVENTS);
    for (const [delayMs, store] of stores) {
      for (const what of [`${EVENTS.toLocaleString('en')} events`, 'nothing new']) {
        const subject = `${what}, ${delayMs} ms`;
        const sample = await ingest(hub, store, options);
        if (run >= WARM_RUNS) samples.set(subject, [...(samples.get(subject) ?? []), sample]);
      }
    }
  }
  return [...samples].flatMap(([subject, taken]) => [
    { subject, figure: 'wall s', value: spreadOf(taken, 'wall_s'), digits: 2 },
    { subject, figure: 'CPU s', value: spreadOf(taken, 'cpu_s'), digits: 2 },
    { subject, figure: 'reads of the lake', value: spreadOf(taken, 'reads'), digits: 0 },
    { subject, figure: 'lists', value: spreadOf(taken, 'lists'), digits: 0 },
    { subject, figure: 'writes', value: spreadOf(taken, 'writes'), digits: 0 },
  ]);
}

async function ingest(hub: BenchHub, store: FarStore, { measuring }: LaneOptions): Promise<Sample> {
  const settings = {
    SLUICE_EVENTHUBS: hub.connectionString,
    SLUICE_LAKE: store.lake('lake'),
    AZURE_STORAGE_CONNECTION_STRING: store.connectionString,
  };
  const { sample, stdout } = await runMeasured(
    [launcher, 'ingest-once', '--hub', hub.hub, '--json'],
    settings,
    measuring,
  );
  const { storageCalls } = JSON.parse(stdout) as {
    storageCalls: Readonly<Record<'reads' | 'lists' | 'writes', number>>;
  };
  return { ...sample, ...storageCalls };
}
