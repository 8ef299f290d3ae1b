import { isAbort, SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { collectGarbage } from '../base/collect-garbage.ts';
import { readConfiguration, type Configuration } from './configuration.ts';
import {
  chosenDatasets,
  closeHubs,
  hubNameOf,
  reachHubs,
  type HubSource,
  type OpenEventSource,
} from './hub-sources.ts';
import { drainHubs, ensureLayers, refineToGold, refineToSilver, type RunContext } from './ingest-steps.ts';
import { leaveReceipt, printFailure, printReceipt } from './leave-receipt.ts';
import { loadPipeline, openLake } from './lake.ts';
import { holdLease, type TakeLease } from './hold-lease.ts';
import { RunRecord } from './run-record.ts';
import { softStopOf, stopLimits } from './run-stops.ts';
import { limitYoungGeneration } from './limit-young-generation.ts';
import type { Receipt } from '../report/report.ts';
import type { ObjectStore } from '../storage/storage.ts';
import type { Terminal } from './terminal.ts';

const YOUNG_GENERATION_BYTES_MAX = 16 * MiB;

export interface IngestOptions {
  readonly to: 'bronze' | 'silver' | 'gold';
  readonly hub?: readonly string[];
  /** Milliseconds. */
  readonly timeBudget?: number;
  readonly json?: boolean;
  /** The process does nothing but this run: it counts from the process's start. */
  readonly wholeProcess?: boolean;
}

/** `sluice ingest-once`: one run up to the ends frozen at its start; gives the exit code of its receipt. */
export async function ingestOnce(options: IngestOptions, terminal: Terminal): Promise<number> {
  try {
    const configuration = readConfiguration(terminal.environment);
    const receipt = await runOnce({ ...options, wholeProcess: true }, configuration, terminal);
    printReceipt(receipt, options.json ?? false, terminal);
    return receipt.exitCode;
  } catch (error) {
    if (options.json === true && !isAbort(error)) printFailure(error, terminal);
    throw error;
  }
}

/** What a run is made of besides its settings; given by tests. */
export interface RunParts {
  readonly openEventSource?: OpenEventSource;
  readonly takeLease?: TakeLease;
}

/** The whole run: lease → bronze (plan and drain, hubs side by side) → silver → gold → receipt. */
export async function runOnce(
  options: IngestOptions,
  configuration: Configuration,
  terminal: Terminal,
  parts: RunParts = {},
): Promise<Receipt> {
  const { hard } = terminal.stop;
  const stop = { soft: softStopOf(terminal.stop, options.timeBudget), hard };
  limitYoungGeneration(YOUNG_GENERATION_BYTES_MAX);
  const log = terminal.logOf(configuration);
  const pipeline = await loadPipeline(configuration);
  const hubName = hubNameOf(configuration, pipeline);
  const datasets = chosenDatasets(options.hub, pipeline, hubName);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  const record = new RunRecord(lake.clock.nowMs(), options.wholeProcess ?? false);
  let hubs: readonly HubSource[] = [];
  try {
    const reach = { ...lake, ...stop, openEventSource: parts.openEventSource };
    hubs = await record.time('reach the hubs', () => reachHubs(datasets, configuration, hubName, reach));
    await refuseIfNothingCanBeDone(hubs, lake.store, hard);
    const take = () => holdLease(lake, 'ingest-once', configuration, stop, parts.takeLease);
    const held = await record.time('lease', take);
    const run: RunContext = { configuration, pipeline, lake, hubs, record, held, to: options.to };
    try {
      if (held.lease !== undefined) await carryOut(run);
      return await leaveReceipt(run);
    } catch (error) {
      throw isAbort(error) && held.stops.work.aborted && !hard.aborted ? stoppedTooSlowly() : error;
    } finally {
      await held.lease?.release();
    }
  } finally {
    await closeHubs(hubs);
    await lake.close();
  }
}

const limits = {
  /** Below this budget a run makes room for silver before it begins: some 20 ms. */
  scarceBytes: 1024 * MiB,
} as const;

async function carryOut(run: RunContext): Promise<void> {
  const { record, to } = run;
  await record.time('tables', () => ensureLayers(run));
  await record.time('bronze', () => drainHubs(run));
  if (to !== 'bronze') {
    if (run.configuration.memoryBytesMax < limits.scarceBytes) collectGarbage();
    await record.time('silver', () => refineToSilver(run));
  }
  if (to === 'gold') await record.time('gold', () => refineToGold(run));
}

function stoppedTooSlowly(): SluiceError {
  const seconds = stopLimits.committingMsMax / 1000;
  const message = `stopped, but the lake took none of the last commits within ${seconds} s: what was committed stands`;
  return new SluiceError('storage_unavailable', message);
}

/** No hub answers, and the lake has nothing to refine: the failure is all there is to tell, and nothing is written. */
async function refuseIfNothingCanBeDone(
  hubs: readonly HubSource[],
  store: ObjectStore,
  signal: AbortSignal,
): Promise<void> {
  const failure = hubs[0]?.failure;
  if (failure === undefined || hubs.some((hub) => hub.failure === undefined)) return;
  for await (const _ of store.list('bronze/', signal)) return;
  throw failure;
}
