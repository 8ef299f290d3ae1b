import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBenchHub } from '../bench-hub.ts';
import type { BenchHub } from '../bench-hub.ts';
import { buildBundle } from '../build-bundle.ts';
import { runMeasured } from '../measured-process.ts';
import { spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const EVENTS = 10_000;
const WARM_RUNS = 2;
const launcher = new URL('../../bin/sluice.js', import.meta.url).pathname;
const sources = new URL('../run-sources.ts', import.meta.url).pathname;

/** What it costs to look and find nothing: 48 runs a day do hardly more at night. */
export const empty: Lane = {
  name: 'empty',
  about: 'a run with nothing new to gold over a lake with tables, from src and from dist',
  async run(options) {
    await buildBundle();
    const hub = await startBenchHub(4);
    const lake = mkdtempSync(join(tmpdir(), 'sluice-bench-lake-'));
    try {
      await hub.fill(EVENTS);
      await ingest(launcher, hub, lake, options);
      return await measure(hub, lake, options);
    } finally {
      await hub.stop();
      rmSync(lake, { recursive: true, force: true });
    }
  },
};

async function measure(hub: BenchHub, lake: string, options: LaneOptions): Promise<readonly Figure[]> {
  const subjects = new Map([
    ['src', sources],
    ['dist', launcher],
  ]);
  const samples = new Map<string, Sample[]>([...subjects.keys()].map((name) => [name, []]));
  for (let run = 0; run < options.runs + WARM_RUNS; run++) {
    for (const [name, program] of subjects) {
      const sample = await ingest(program, hub, lake, options);
      // The first runs fill Node's compile cache, which every later one finds.
      if (run >= WARM_RUNS) samples.get(name)?.push(sample);
    }
  }
  return [...samples].flatMap(([name, taken]) => [
    { subject: name, figure: 'wall_s', value: spreadOf(taken, 'wall_s'), digits: 2 },
    { subject: name, figure: 'cpu_s', value: spreadOf(taken, 'cpu_s'), digits: 2 },
    { subject: name, figure: 'peak_rss_mib', value: spreadOf(taken, 'peak_rss_mib'), digits: 0 },
  ]);
}

async function ingest(program: string, hub: BenchHub, lake: string, { measuring }: LaneOptions): Promise<Sample> {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake };
  return (await runMeasured([program, 'ingest-once', '--hub', hub.hub], settings, measuring)).sample;
}
