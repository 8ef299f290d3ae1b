import { statSync } from 'node:fs';
import { readConfiguration } from '../src/cli/configuration.ts';
import { openLake } from '../src/cli/lake.ts';
import { limitYoungGeneration } from '../src/cli/limit-young-generation.ts';
import { REJECTED_ROOT } from '../src/cli/tables.ts';
import { stderrLog } from '../src/cli/terminal.ts';
import { MiB } from '../src/base/limits.ts';
import type { TableLocation } from '../src/delta/delta.ts';
import { buildGold } from '../src/gold/gold.ts';
import { callCentre } from '../src/pipeline.ts';
import { buildSilver } from '../src/silver/silver.ts';
import type { ObjectStore } from '../src/storage/storage.ts';

// What ingest-once does after bronze, with its settings: SLUICE_LAKE and the others. Prints what each step cost.
// node bench/refine-lake.ts [gold [DAY]…]: gold alone; these days whether touched or not
const [only, ...days] = process.argv.slice(2);
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
const { store: counting, bytes } = counted(lake.store);
const table = (root: string): TableLocation => ({ store: counting, root });
const { openDatabase, scratch, runId, clock } = lake;
const tools = { openDatabase, scratch, runId, clock, log, fence: 1 };

const steps: Record<string, unknown>[] = [];
for (const dataset of only === 'gold' ? [] : callCentre.datasets) {
  const tables = {
    bronze: table(`bronze/${dataset.name}`),
    silver: table(`silver/${dataset.name}`),
    rejected: table(REJECTED_ROOT),
  };
  const { timeZone } = configuration;
  await step(`silver/${dataset.name}`, () => buildSilver({ ...tools, ...tables, dataset, timeZone }, never));
}
for (const view of callCentre.gold) {
  const tables = (name: string) => {
    const dataset = callCentre.datasets.find((each) => each.name === name);
    const contract = dataset?.silver ?? callCentre.dimensions.find((each) => each.name === name)?.table;
    if (contract === undefined) throw new Error(`no table ${name}`);
    return { location: table(`silver/${name}`), contract };
  };
  const more = days.length === 0 ? {} : { rebuild: days };
  const options = { ...tools, ...more, view, tables, gold: table(`gold/${view.name}`) };
  await step(`gold/${view.name}`, () => buildGold(options, never));
}
await lake.close();
console.log(JSON.stringify({ steps, bytes: bytes() }));

async function step(name: string, action: () => Promise<object>): Promise<void> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const outcome = await action();
  const used = process.cpuUsage(before);
  const cpuSeconds = (used.user + used.system) / 1e6;
  steps.push({ name, wallSeconds: (performance.now() - startedMs) / 1000, cpuSeconds, ...outcome });
}

/** Bytes as a store far away would see them: a file is fetched whole, once a run. Key packs apart. */
function counted(inner: ObjectStore): { store: ObjectStore; bytes: () => Record<string, number> } {
  const sums = { read: 0, packs: 0, written: 0, files: 0 };
  const fetched = new Set<string>();
  const store: ObjectStore = {
    ...inner,
    localPath(path) {
      const file = inner.localPath(path);
      if (file === undefined || fetched.has(path)) return file;
      fetched.add(path);
      sums[path.startsWith('_sluice/keys/') ? 'packs' : 'read'] += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      return file;
    },
    async read(path, signal) {
      const data = await inner.read(path, signal);
      sums.read += data?.byteLength ?? 0;
      return data;
    },
    putIfAbsent(path, data, signal) {
      sums.written += data.byteLength;
      return inner.putIfAbsent(path, data, signal);
    },
    upload(path, localFile, signal) {
      sums.written += statSync(localFile).size;
      sums.files += 1;
      return inner.upload(path, localFile, signal);
    },
  };
  return { store, bytes: () => ({ ...sums }) };
}
