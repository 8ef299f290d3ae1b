import type { Pipeline } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { MiB } from '../base/limits.ts';
import { ingestBronze } from '../bronze/bronze.ts';
import { buildGold } from '../gold/gold.ts';
import { goldDayCharts } from '../report/report.ts';
import { buildSilver, ensureDimension, ensureSilver } from '../silver/silver.ts';
import type { Configuration } from './configuration.ts';
import type { HeldLease } from './hold-lease.ts';
import { checkpointObjects, checkpointsOf, unreachedHub, type HubSource } from './hub-sources.ts';
import type { Lake } from './lake.ts';
import type { RunRecord } from './run-record.ts';
import { GAPS_ROOT, REJECTED_ROOT } from './tables.ts';

/** Everything that the steps of a run work with. */
export interface RunContext {
  readonly configuration: Configuration;
  readonly pipeline: Pipeline;
  readonly lake: Lake;
  readonly hubs: readonly HubSource[];
  readonly record: RunRecord;
  readonly held: HeldLease;
  readonly hard: AbortSignal;
  readonly to: 'bronze' | 'silver' | 'gold';
}

/** Bytes of events in memory, over all hubs: more makes files larger, not the drain faster. */
const memory = { shareOfEvents: 0.2, eventBytesMax: 128 * MiB } as const;

/** The silver tables before the first event: one that was built for another time zone stops the run untouched. */
export async function ensureLayers(run: RunContext): Promise<void> {
  if (run.to === 'bronze') return;
  const { lake, pipeline, hard } = run;
  for (const { dataset } of run.hubs) await ensureSilver({ ...silverOptions(run, dataset), dataset }, hard);
  for (const contract of pipeline.dimensions) {
    const { clock, runId } = lake;
    await ensureDimension({ clock, runId, contract, table: lake.table(`silver/${contract.name}`) }, hard);
  }
}

/** Every hub to its frozen ends, side by side; one that fails stops no other. */
export async function drainHubs(run: RunContext): Promise<void> {
  const { configuration, lake, hubs, hard } = run;
  const checkpoints = await checkpointObjects(configuration, lake.store, hard);
  const eventBytes = Math.min(configuration.memoryBytesMax * memory.shareOfEvents, memory.eventBytesMax);
  const drain = async (hub: HubSource) => {
    if (hub.failure !== undefined) return unreachedHub(hub);
    const dataset = hub.dataset.name;
    return ingestBronze(
      {
        ...tools(run),
        dataset,
        source: hub.source,
        table: lake.table(`bronze/${dataset}`),
        gaps: lake.table(GAPS_ROOT),
        checkpoints: await checkpointsOf(checkpoints, hub, configuration.consumerGroup),
        consumerGroup: configuration.consumerGroup,
        start: configuration.start,
        onLoss: configuration.onLoss,
        bytesMax: Math.floor(eventBytes / hubs.length),
        softStop: run.held.softStop,
      },
      hard,
    );
  };
  run.record.bronze = await Promise.all(hubs.map(drain));
}

/** Each dataset's new bronze rows, judged and merged, one dataset after the other: they share the memory. */
export async function refineToSilver(run: RunContext): Promise<void> {
  const { record, held, hard } = run;
  for (const { dataset } of run.hubs) {
    if (held.softStop.aborted) return;
    const options = { ...tools(run), ...silverOptions(run, dataset), stop: held.softStop };
    await record.attempt(async () => void record.silver.push(await buildSilver(options, hard)));
  }
}

/** The days of each view that silver's changes touched, and the charts of the latest of them. */
export async function refineToGold(run: RunContext): Promise<void> {
  const { record, lake, pipeline, held, hard } = run;
  for (const view of pipeline.gold) {
    if (held.softStop.aborted) return;
    await record.attempt(async () => {
      const gold = lake.table(`gold/${view.name}`);
      const outcome = await buildGold({ ...tools(run), view, gold, tables: (name) => silverTable(run, name) }, hard);
      record.gold.push(outcome);
      const { daysRewritten } = outcome;
      if (daysRewritten.length === 0) return;
      const scope = lake.scratch.scope();
      record.charts.push(...(await goldDayCharts(await lake.openDatabase(), view, gold, daysRewritten, scope, hard)));
      scope.release();
    });
  }
}

function tools({ lake, held }: RunContext) {
  const { openDatabase, scratch, runId, clock, log } = lake;
  return {
    openDatabase,
    scratch,
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
  const dataset = pipeline.datasets.find((each) => each.name === name);
  const dimension = pipeline.dimensions.find((each) => each.name === name);
  const contract = present(dataset?.silver ?? dimension?.table, `the contract of ${name}, which a gold view reads`);
  return { location: lake.table(`silver/${name}`), contract };
}
