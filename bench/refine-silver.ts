import { readFileSync } from 'node:fs';
import { readConfiguration } from '../src/cli/configuration.ts';
import { limitYoungGeneration } from '../src/cli/limit-young-generation.ts';
import { openLake } from '../src/cli/lake.ts';
import { REJECTED_ROOT } from '../src/cli/tables.ts';
import { stderrLog } from '../src/cli/terminal.ts';
import { MiB } from '../src/base/limits.ts';
import { callCentre } from '../src/pipeline.ts';
import { buildSilver } from '../src/silver/silver.ts';

// What ingest-once does between bronze and gold, for one dataset, with its settings: SLUICE_LAKE and the others.
// node bench/refine-silver.ts DATASET
const never = new AbortController().signal;
const configuration = readConfiguration(process.env);
const log = stderrLog('warn');
const terminal = {
  environment: process.env,
  workingFolder: process.cwd(),
  print: console.log,
  stop: { soft: never, hard: never },
  logOf: () => log,
};
limitYoungGeneration(16 * MiB);
const lake = await openLake(configuration, terminal, { readOnly: false, log });
const dataset = callCentre.datasets.find(({ name }) => name === process.argv[2]);
if (dataset === undefined) throw new Error(`no dataset ${process.argv[2]}`);
const outcome = await buildSilver(
  {
    openDatabase: lake.openDatabase,
    scratch: lake.scratch,
    runId: lake.runId,
    clock: lake.clock,
    log,
    fence: 1,
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
