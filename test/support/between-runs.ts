import { compactTable, writeLogCheckpoint } from '../../src/delta/delta.ts';
import { callCentre } from '../../src/pipeline.ts';
import type { Random } from './hostile-stream.ts';
import type { SmallLake } from './small-lake.ts';

/**
 * What may happen to a lake between two runs without changing what its tables say. Add here what the engine learns to
 * do: cut invariance (test/flow/cut-invariance.test.ts) then holds for it too. Each is done with any random lake, also
 * one whose tables are not there yet, and counts under its name.
 */
export interface BetweenRuns {
  readonly name: string;
  happen(lake: SmallLake, random: Random): Promise<void>;
}

const signal = new AbortController().signal;
const SILVER = callCentre.datasets.map(({ name }) => `silver/${name}`);
const GOLD = callCentre.gold.map(({ name }) => `gold/${name}`);

export const BETWEEN_RUNS: readonly BetweenRuns[] = [
  {
    name: 'key packs deleted',
    async happen(lake, random) {
      const part = random.pick([1, 0.5]);
      for (const path of await packsOf(lake)) if (random.chance(part)) await lake.store.delete(path, signal);
    },
  },
  {
    name: 'key pack spoilt',
    async happen(lake, random) {
      const packs = await packsOf(lake);
      if (packs.length === 0) return;
      const path = random.pick(packs);
      const whole = (await lake.store.read(path, signal)) ?? new Uint8Array();
      // Under a new name, as a torn upload of another run would be: copies of the old one may be held.
      await lake.store.delete(path, signal);
      const torn = path.replace(/[0-9a-f]{12}\.parquet$/, `${String(random.below(1e9)).padStart(12, '0')}.parquet`);
      await lake.store.put(torn, whole.subarray(0, random.below(whole.byteLength)), signal);
    },
  },
  {
    name: 'log checkpoint written',
    async happen(lake, random) {
      await writeLogCheckpoint(lake.table(random.pick([...SILVER, ...GOLD])), { nowMs: lake.nowMs() }, signal);
    },
  },
  {
    // As any writer may do it: whatever gold has still to read of the log.
    name: 'silver table compacted',
    async happen(lake, random) {
      const { openDatabase, scratch, fence, ...context } = lake.tools();
      const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: undefined };
      await compactTable(lake.table(random.pick(SILVER)), options, signal);
    },
  },
];

async function packsOf(lake: SmallLake): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of lake.store.list('_sluice/keys/', signal)) paths.push(path);
  return paths;
}
