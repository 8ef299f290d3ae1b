import { statSync } from 'node:fs';
import { lakeTables, REJECTED_ROOT } from '../src/cli/tables.ts';
import { MemoryShares } from '../src/base/memory-shares.ts';
import { readSnapshot, type TableLocation } from '../src/delta/delta.ts';
import { buildGold } from '../src/gold/gold.ts';
import { callCentre } from '../src/pipeline.ts';
import { buildSilver } from '../src/silver/silver.ts';
import type { ObjectStore } from '../src/storage/storage.ts';
import { openBenchLake } from './open-bench-lake.ts';

// What ingest-once does besides bronze, with its settings: SLUICE_LAKE and the others. Prints what each step cost.
// node bench/refine-lake.ts [gold [DAY]…]: gold alone; these days whether touched or not
const [only, ...days] = process.argv.slice(2);
const { configuration, lake, tools, never } = await openBenchLake();
const { store: counting, bytes } = counted(lake.store);
const table = (root: string): TableLocation => ({ store: counting, root });

const steps: Record<string, unknown>[] = [];
if (only !== 'gold') {
  // As a run does before its first event: the logs of all tables at once.
  const looks = lakeTables(callCentre).map(({ root }) => async () => {
    return { root, version: (await readSnapshot(table(root), never))?.version };
  });
  await layer('tables', looks);
  const memory = new MemoryShares();
  const datasets = callCentre.datasets.map((dataset) => {
    const tables = {
      bronze: table(`bronze/${dataset.name}`),
      silver: table(`silver/${dataset.name}`),
      rejected: table(REJECTED_ROOT),
    };
    const { timeZone } = configuration;
    return () => buildSilver({ ...tools, ...tables, dataset, timeZone, memory }, never);
  });
  await layer('silver', datasets);
}
const memory = new MemoryShares();
const views = callCentre.gold.map((view) => {
  const tables = (name: string) => {
    const dataset = callCentre.datasets.find((each) => each.name === name);
    const contract = dataset?.silver ?? callCentre.dimensions.find((each) => each.name === name)?.table;
    if (contract === undefined) throw new Error(`no table ${name}`);
    return { location: table(`silver/${name}`), contract };
  };
  const more = days.length === 0 ? {} : { rebuild: days };
  return () => buildGold({ ...tools, ...more, view, tables, gold: table(`gold/${view.name}`), memory }, never);
});
await layer('gold', views);
// Once more in the process: with DuckDB loaded, and code that has run before.
if (days.length > 0) await layer('gold again', views);
await lake.close();
console.log(JSON.stringify({ steps, bytes: bytes() }));

/** One layer's tables side by side, as a run makes them. */
async function layer(name: string, actions: readonly (() => Promise<object>)[]): Promise<void> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const outcomes = await Promise.all(actions.map((action) => action()));
  const used = process.cpuUsage(before);
  const cpuSeconds = (used.user + used.system) / 1e6;
  steps.push({ name, wallSeconds: (performance.now() - startedMs) / 1000, cpuSeconds, outcomes });
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
