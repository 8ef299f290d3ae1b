import Table from 'cli-table3';
import { SluiceError } from '../base/errors.ts';
import { systemClock } from '../base/clock.ts';
import { adoptPositions, type BronzePlan } from '../bronze/bronze.ts';
import { openStore, parseLake } from '../storage/open-store.ts';
import { adoptionWarnings, planAdoption, type AdoptedPartition } from './adopt-plan.ts';
import { readConfiguration, required, type Configuration } from './configuration.ts';
import { hubNameOf } from './hub-sources.ts';
import { holdLease } from './hold-lease.ts';
import { loadPipeline, openLake, openLakeStore } from './lake.ts';
import { planHubs } from './plan-hubs.ts';
import { readSparkCheckpoint, type SparkCheckpoint } from './spark-checkpoint.ts';
import { GAPS_ROOT } from './tables.ts';
import type { Terminal } from './terminal.ts';

export interface AdoptOptions {
  readonly sparkCheckpoint: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

type Outcome = 'complete' | 'empty' | 'locked' | 'stopped' | 'dry run';

/**
 * `sluice adopt`: begins each partition of a hub where a Spark stream ended, by a commit of numbers without rows. All
 * partitions of the checkpoint or none; one that the lake has read already is left as it is, and refused where the
 * checkpoint says otherwise.
 */
export async function adopt(options: AdoptOptions, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  const signal = AbortSignal.any([terminal.stop.soft, terminal.stop.hard]);
  const checkpoint = await checkpointAt(options.sparkCheckpoint, configuration, signal);
  const pipeline = await loadPipeline(configuration);
  if (options.dryRun !== true) required(configuration.lake, 'SLUICE_LAKE', 'name the folder or container');
  const store = await openLakeStore(configuration, terminal, { readOnly: true });
  // From the earliest on: what a hub holds is then what a partition never read begins with.
  const place = {
    configuration: { ...configuration, start: 'earliest' as const },
    pipeline,
    store,
    clock: systemClock,
  };
  const wanted = new Set([...checkpoint.hubs.keys()].map((hub) => hub.toLowerCase()));
  const planned = await planHubs({ ...place, log }, signal, (hub) => wanted.has(hub.toLowerCase()));
  const plans = planned.map(({ found, error }) => {
    if (found === undefined) throw error ?? new SluiceError('internal', 'a hub is planned or fails');
    return found;
  });
  const rows = planAdoption(
    checkpoint,
    plans,
    pipeline.datasets.map(({ name }) => hubNameOf(configuration, pipeline)(name)),
  );
  const warnings = adoptionWarnings(checkpoint, rows);
  for (const warning of warnings) log.warn(warning);
  const outcome = options.dryRun === true ? 'dry run' : await carryOut(rows, plans, configuration, terminal);
  const found = { outcome, batch: checkpoint.batch, partitions: rows, warnings };
  terminal.print(options.json === true ? `${JSON.stringify(found, null, 2)}\n` : text(found));
  return 0;
}

async function checkpointAt(
  place: string,
  configuration: Configuration,
  signal: AbortSignal,
): Promise<SparkCheckpoint> {
  const setting = '--spark-checkpoint';
  const location = parseLake(place, setting);
  const options = { connectionString: configuration.storageConnectionString, create: false, setting };
  return readSparkCheckpoint(await openStore(location, options, signal), signal);
}

async function carryOut(
  rows: readonly AdoptedPartition[],
  plans: readonly BronzePlan[],
  configuration: Configuration,
  terminal: Terminal,
): Promise<Outcome> {
  const due = plans.map((plan) => ({ plan, next: numbersOf(rows, plan.dataset) })).filter(({ next }) => next.size > 0);
  if (due.length === 0) return 'empty';
  const log = terminal.logOf(configuration);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  try {
    const held = await holdLease(lake, 'adopt', configuration, terminal.stop);
    try {
      if (held.lease === undefined) return held.isLocked() ? 'locked' : 'stopped';
      for (const { plan, next } of due) {
        const { dataset, createdAtMs } = plan;
        const table = lake.table(`bronze/${dataset}`);
        const options = { ...lake, table, gaps: lake.table(GAPS_ROOT), fence: held.lease.number };
        const conflict = await adoptPositions(options, { dataset, createdAtMs, next }, held.stops.work);
        if (conflict === 'fenced') return 'locked';
        if (conflict !== undefined) throw outrun(dataset);
      }
      return 'complete';
    } finally {
      await held.lease?.release();
    }
  } finally {
    await lake.close();
  }
}

function numbersOf(rows: readonly AdoptedPartition[], dataset: string): Map<string, number> {
  const mine = rows.filter((row) => row.dataset === dataset && row.action === 'adopt');
  return new Map(mine.map(({ partitionId, next }) => [partitionId, next ?? 0]));
}

function outrun(dataset: string): SluiceError {
  const message = `bronze/${dataset} was read by a run meanwhile: it begins where that run began, nothing was adopted`;
  return new SluiceError('adopt_refused', message, { context: { dataset } });
}

function text(found: { outcome: Outcome; batch: number; partitions: readonly AdoptedPartition[] }): string {
  const table = new Table({
    head: ['hub', 'partition', 'next', 'hub holds', 'waiting', 'then'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const { hub, partitionId, next, firstSequenceNumber, lastSequenceNumber, waiting, action } of found.partitions) {
    const held =
      lastSequenceNumber < firstSequenceNumber ? 'nothing' : `${firstSequenceNumber} to ${lastSequenceNumber}`;
    table.push([hub, partitionId, String(next ?? ''), held, String(waiting), SAYS[action]]);
  }
  const [batch, outcome] = [`batch ${found.batch}`, SAYS_OUTCOME[found.outcome]];
  return `${table.toString()}\nadopt: the stream ended with ${batch}; ${outcome}\n`;
}

const SAYS = { adopt: 'begins there', there: 'is there already', 'own start': 'SLUICE_START decides' } as const;

const SAYS_OUTCOME: Readonly<Record<Outcome, string>> = {
  complete: 'the next run goes on from there',
  empty: 'the lake was there already, nothing to do',
  locked: 'another run works on the lake: nothing done',
  stopped: 'stopped: nothing done',
  'dry run': 'a dry run: nothing was written',
};
