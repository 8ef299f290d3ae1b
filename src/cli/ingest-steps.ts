import type { GoldViewContract, Pipeline } from '../../schemas/contract.ts';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { present } from '../base/assert.ts';
import { isAbort, toSluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { MemoryShares } from '../base/memory-shares.ts';
import { allOf, sideBySide } from '../base/side-by-side.ts';
import { ingestBronze } from '../bronze/bronze.ts';
import { ensureTable, readSnapshot } from '../delta/delta.ts';
import { buildGold, type GoldOutcome } from '../gold/gold.ts';
import { goldDayCharts, type GoldDayChart } from '../report/report.ts';
import { buildSilver, ensureDimension, ensureSilver, type SilverOutcome } from '../silver/silver.ts';
import type { Configuration } from './configuration.ts';
import type { HeldLease } from './hold-lease.ts';
import { checkpointObjects, checkpointsOf, unreachedHub, type HubSource } from './hub-sources.ts';
import type { Lake } from './lake.ts';
import { receiveProgress } from './receive-progress.ts';
import type { RunRecord } from './run-record.ts';
import { GAPS_ROOT, REJECTED_ROOT, RUNS_ROOT, silverContract } from './tables.ts';

/** Everything that the steps of a run work with. */
export interface RunContext {
  readonly configuration: Configuration;
  readonly pipeline: Pipeline;
  readonly lake: Lake;
  readonly hubs: readonly HubSource[];
  readonly record: RunRecord;
  readonly held: HeldLease;
  readonly to: 'bronze' | 'silver' | 'gold';
}

/**
 * Bytes of events in memory, over all hubs: each costs three more around it, and more makes no drain faster. A file
 * takes many times that: silver reads it whole later.
 */
const budget = { shareOfEvents: 0.2, eventBytesMax: 24 * MiB, shareOfFile: 0.25, fileBytesMax: 256 * MiB } as const;

/**
 * Every table of the layers, also of hubs that are not asked: an empty table is a table. Before the first event, so
 * that one that was built for another time zone stops the run untouched. A lake far away is asked for all at once.
 */
export async function ensureLayers(run: RunContext): Promise<void> {
  const { lake, pipeline, to } = run;
  const { soft, work } = run.held.stops;
  if (soft.aborted) return;
  const asked = new Set(run.hubs.map(({ dataset }) => dataset.name));
  const bronze = pipeline.datasets
    .filter(({ name }) => !asked.has(name))
    .map(({ name }) => ensureTable(lake.table(`bronze/${name}`), bronzeTable, { context: lake }, work));
  const refined = (): Promise<unknown>[] => [
    ...pipeline.datasets.map((dataset) => ensureSilver({ ...tools(run), ...silverOptions(run, dataset) }, work)),
    ...pipeline.dimensions.map((contract) => {
      const { clock, runId } = lake;
      return ensureDimension({ clock, runId, contract, table: lake.table(`silver/${contract.name}`) }, work);
    }),
  ];
  await allOf([...bronze, ...(to === 'bronze' ? [] : refined()), ...lookAhead(run)]);
}

/** The logs of what is opened later, which then tell only what is new. What is wrong with one is told then. */
function lookAhead({ lake, hubs, pipeline, to, held }: RunContext): Promise<unknown>[] {
  const roots = [
    ...hubs.map(({ dataset }) => `bronze/${dataset.name}`),
    ...(to === 'gold' ? pipeline.gold.map(({ name }) => `gold/${name}`) : []),
    GAPS_ROOT,
    RUNS_ROOT,
  ];
  return roots.map(async (root) => {
    try {
      await readSnapshot(lake.table(root), held.stops.work);
    } catch (error) {
      if (isAbort(error)) throw error;
      lake.log.debug('a table could not be looked at ahead', { table: root, reason: toSluiceError(error).message });
    }
  });
}

/** Every hub to its frozen ends, side by side; one that fails stops no other. */
export async function drainHubs(run: RunContext): Promise<void> {
  const { configuration, lake, hubs } = run;
  const { soft, work } = run.held.stops;
  if (soft.aborted) return;
  const checkpoints = await checkpointObjects(configuration, lake.store, work);
  const eventBytes = Math.min(configuration.memoryBytesMax * budget.shareOfEvents, budget.eventBytesMax);
  const progress = receiveProgress();
  const drain = async (hub: HubSource) => {
    if (hub.failure !== undefined) return unreachedHub(hub);
    const dataset = hub.dataset.name;
    return ingestBronze(
      {
        ...tools(run),
        dataset,
        source: progress.watch(hub.source),
        table: lake.table(`bronze/${dataset}`),
        gaps: lake.table(GAPS_ROOT),
        checkpoints: await checkpointsOf(checkpoints, hub, configuration.consumerGroup),
        consumerGroup: configuration.consumerGroup,
        start: configuration.start,
        onLoss: configuration.onLoss,
        bytesMax: Math.floor(eventBytes / hubs.length),
        fileBytesMax: Math.min(configuration.memoryBytesMax * budget.shareOfFile, budget.fileBytesMax),
        softStop: soft,
      },
      work,
    );
  };
  try {
    run.record.bronze = await Promise.all(hubs.map(drain));
  } finally {
    progress.end();
  }
}

/** Each dataset's new bronze rows, judged and merged: side by side as far as the memory goes. */
export async function refineToSilver(run: RunContext): Promise<void> {
  const { record, held } = run;
  const memory = new MemoryShares();
  const build = ({ dataset }: HubSource): Promise<SilverOutcome | undefined> => {
    const options = { ...tools(run), ...silverOptions(run, dataset), stop: held.stops.soft, memory };
    return refine(run, `silver/${dataset.name}`, (signal) => buildSilver(options, signal));
  };
  await sideBySide(run.hubs, build, record.silver);
}

/** The days of each view that silver's changes touched, and the charts of the latest of them. */
export async function refineToGold(run: RunContext): Promise<void> {
  const { record, lake, pipeline } = run;
  const memory = new MemoryShares();
  const build = (view: GoldViewContract): Promise<GoldOutcome | undefined> => {
    const gold = lake.table(`gold/${view.name}`);
    const options = { ...tools(run), view, gold, tables: (name: string) => silverTable(run, name), memory };
    return refine(run, gold.root, (signal) => buildGold(options, signal));
  };
  await sideBySide(pipeline.gold, build, record.gold);
  const charts: GoldDayChart[][] = [];
  await sideBySide(pipeline.gold, (view) => chartDays(run, view), charts);
  record.charts.push(...charts.flat());
}

async function chartDays(run: RunContext, view: GoldViewContract): Promise<GoldDayChart[] | undefined> {
  const { lake, record } = run;
  const days = record.gold.find((outcome) => outcome.view === view.name)?.daysRewritten ?? [];
  if (days.length === 0) return undefined;
  const gold = lake.table(`gold/${view.name}`);
  return refine(run, gold.root, async (signal) => {
    const scope = lake.scratch.scope();
    try {
      return await goldDayCharts(await lake.openDatabase(), view, gold, days, scope, signal);
    } finally {
      scope.release();
    }
  });
}

/** Does one table unless the run is stopped. What is broken off by a stop is left as it was, for the next run. */
async function refine<T>(
  run: RunContext,
  table: string,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const { soft, refining, work } = run.held.stops;
  if (soft.aborted) return undefined;
  try {
    return await run.record.attempt(() => action(refining));
  } catch (error) {
    if (!isAbort(error) || !refining.aborted || work.aborted) throw error;
    run.lake.log.info('stopped: the next run takes the rest up', { table });
    return undefined;
  }
}

function tools({ lake, held }: RunContext) {
  const { openDatabase, scratch, bodyBytesMax, runId, clock, log } = lake;
  return {
    openDatabase,
    scratch,
    bodyBytesMax,
    runId,
    clock,
    log,
    fence: present(held.lease, 'the lease of a run that works').number,
  };
}

function silverOptions({ lake, configuration }: RunContext, dataset: HubSource['dataset']) {
  const { clock, runId } = lake;
  return {
    clock,
    runId,
    dataset,
    timeZone: configuration.timeZone,
    bronze: lake.table(`bronze/${dataset.name}`),
    silver: lake.table(`silver/${dataset.name}`),
    rejected: lake.table(REJECTED_ROOT),
  };
}

function silverTable({ lake, pipeline }: RunContext, name: string) {
  return { location: lake.table(`silver/${name}`), contract: silverContract(pipeline, name) };
}
