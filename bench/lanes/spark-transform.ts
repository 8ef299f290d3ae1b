import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ensureTable } from '../../src/delta/delta.ts';
import { callCentre } from '../../src/pipeline.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { NOTEBOOKS, runReference } from '../../src/compare/reference.ts';
import { makeBronze } from '../make-bronze.ts';
import { runMeasured } from '../measured-process.ts';
import type { Sample } from '../statistics.ts';
import type { Lane } from './lane.ts';
import { benchSpark, sideBySide, sparkSample, SPARK_AT_ITS_BEST } from './spark-drain.ts';

const DAYS = 7;
/** `--events 1000000`, the default, is 2 M here. */
const EVENTS_EACH = 2;
const MEMORY = '1024MiB';
const never = new AbortController().signal;
const worker = new URL('../refine-lake.ts', import.meta.url).pathname;

/** Silver and gold of the same bronze rows by the notebooks on Spark, and by ours, in turn. */
export const sparkTransform: Lane = {
  name: 'spark-transform',
  about: 'bronze (2 × --events) to silver and gold, the notebooks on Spark beside ours (needs Java 17; not by default)',
  optional: true,
  async run(options) {
    const spark = await benchSpark();
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-transform-'));
    try {
      const events = options.events * EVENTS_EACH;
      options.say(`making ${events} bronze rows`);
      const [made, lake] = [join(folder, 'made'), join(folder, 'lake')];
      await makeBronze(made, { events, days: DAYS }, never);
      await makeOtherTables(made);
      const [theirs, ours]: [Sample[], Sample[]] = [[], []];
      for (let run = 0; run < options.runs; run++) {
        options.say(`run ${run + 1} of ${options.runs}: Spark, then ours`);
        cpSync(made, lake, { recursive: true });
        const parameters = { ...SPARK_AT_ITS_BEST, LAKE: lake };
        theirs.push(sparkSample(await runReference(spark, NOTEBOOKS.refine, parameters, process.env, never)));
        rmSync(lake, { recursive: true });
        cpSync(made, lake, { recursive: true });
        const environment = { SLUICE_LAKE: lake, SLUICE_SCRATCH: `${lake}-scratch`, SLUICE_MEMORY: MEMORY };
        ours.push((await runMeasured([worker], environment)).sample);
        rmSync(lake, { recursive: true });
      }
      return sideBySide(theirs, ours);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A drain makes every bronze table, those of hubs without events too. */
async function makeOtherTables(lake: string): Promise<void> {
  const store = openFolder(lake);
  for (const { name } of callCentre.datasets) {
    const context = { clock: systemClock, runId: 'bench' };
    await ensureTable({ store, root: `bronze/${name}` }, bronzeTable, { context }, never);
  }
}
