import { readConfiguration, type Configuration } from './configuration.ts';
import { chosenDatasets, closeHubs, hubNameOf, reachHubs, type HubSource } from './hub-sources.ts';
import { drainHubs, ensureLayers, refineToGold, refineToSilver, type RunContext } from './ingest-steps.ts';
import { leaveReceipt, printReceipt } from './leave-receipt.ts';
import { loadPipeline, openLake } from './lake.ts';
import { holdLease } from './hold-lease.ts';
import { RunRecord } from './run-record.ts';
import type { Receipt } from '../report/report.ts';
import type { ObjectStore } from '../storage/storage.ts';
import type { Terminal } from './terminal.ts';

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
  const receipt = await runOnce({ ...options, wholeProcess: true }, readConfiguration(terminal.environment), terminal);
  printReceipt(receipt, options.json ?? false, terminal);
  return receipt.exitCode;
}

/** The whole run: lease → bronze (plan and drain, hubs side by side) → silver → gold → receipt. */
export async function runOnce(
  options: IngestOptions,
  configuration: Configuration,
  terminal: Terminal,
): Promise<Receipt> {
  const log = terminal.logOf(configuration);
  const pipeline = await loadPipeline(configuration);
  const hubName = hubNameOf(configuration, pipeline);
  const datasets = chosenDatasets(options.hub, pipeline, hubName);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  const record = new RunRecord(lake.clock.nowMs(), options.wholeProcess ?? false);
  const { hard } = terminal.stop;
  let hubs: readonly HubSource[] = [];
  try {
    hubs = await record.time('reach the hubs', () => reachHubs(datasets, configuration, hubName, lake, hard));
    await refuseIfNothingCanBeDone(hubs, lake.store, hard);
    const held = await record.time('lease', () => holdLease(lake, 'ingest-once', configuration, options, terminal));
    const run: RunContext = { configuration, pipeline, lake, hubs, record, held, hard, to: options.to };
    try {
      if (held.lease !== undefined) {
        await record.time('tables', () => ensureLayers(run));
        await record.time('bronze', () => drainHubs(run));
        if (options.to !== 'bronze') await record.time('silver', () => refineToSilver(run));
        if (options.to === 'gold') await record.time('gold', () => refineToGold(run));
      }
      return await leaveReceipt(run);
    } finally {
      await held.lease?.release();
    }
  } finally {
    await closeHubs(hubs);
    await lake.close();
  }
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
