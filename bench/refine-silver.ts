import { readFileSync } from 'node:fs';
import { REJECTED_ROOT } from '../src/cli/tables.ts';
import { callCentre } from '../src/pipeline.ts';
import { buildSilver } from '../src/silver/silver.ts';
import { openBenchLake } from './open-bench-lake.ts';

// What ingest-once does between bronze and gold, for one dataset, with its settings: SLUICE_LAKE and the others.
// node bench/refine-silver.ts DATASET
const { configuration, lake, tools, never } = await openBenchLake();
const dataset = callCentre.datasets.find(({ name }) => name === process.argv[2]);
if (dataset === undefined) throw new Error(`no dataset ${process.argv[2]}`);
const outcome = await buildSilver(
  {
    ...tools,
    dataset,
    timeZone: configuration.timeZone,
    bronze: lake.table(`bronze/${dataset.name}`),
    silver: lake.table(`silver/${dataset.name}`),
    rejected: lake.table(REJECTED_ROOT),
  },
  never,
);
await lake.close();
console.log(JSON.stringify({ ...outcome, io: bytesOfProcess() }));

/** What the process read and wrote through the kernel, files in its cache included. Linux alone tells. */
function bytesOfProcess(): { read: number; written: number } {
  const text = process.platform === 'linux' ? readFileSync('/proc/self/io', 'utf8') : '';
  const of = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { read: of('rchar'), written: of('wchar') };
}
