import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Pipeline } from '../../schemas/contract.ts';
import { systemClock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import { openEventSource } from '../eventhubs/eventhubs.ts';
import { leaseHolder } from '../storage/lease.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { checkHub, checkListen } from './check-hubs.ts';
import { checkMemory, checkNode, checkScratch } from './check-machine.ts';
import { checkCheckpoints, checkClock, checkLake } from './check-stores.ts';
import { readConfiguration, required, unknownSettings, type Configuration } from './configuration.ts';
import { finding, type Finding, type Says } from './finding.ts';
import { checkpointObjects, EVENTHUBS_HINT, hubNameOf } from './hub-sources.ts';
import { loadPipeline, openLakeStore } from './lake.ts';
import { planHubs } from './plan-hubs.ts';
import { planTables } from './plan-tables.ts';
import { SETTINGS } from './settings.ts';
import type { Terminal } from './terminal.ts';

/**
 * `sluice doctor`: checks by use whatever a run uses, tells each in a line as it is known, and leaves nothing behind.
 * The exit code is that of the first failure.
 */
export async function doctor(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const found: Finding[] = [];
  for await (const each of findings(terminal)) {
    found.push(each);
    if (options.json !== true) terminal.print(line(each));
  }
  const exitCode = found.find(({ state }) => state === 'failed')?.exitCode ?? 0;
  if (options.json === true) terminal.print(`${JSON.stringify({ exitCode, checks: found }, null, 2)}\n`);
  else terminal.print(summary(found));
  return exitCode;
}

async function* findings(terminal: Terminal): AsyncGenerator<Finding, void> {
  yield await finding('node', checkNode);
  const settings = await finding('settings', () => checkSettings(terminal));
  yield settings;
  if (settings.state === 'failed') return;
  const configuration = readConfiguration(terminal.environment);
  const signal = AbortSignal.any([terminal.stop.soft, terminal.stop.hard]);
  yield await finding('memory', () => checkMemory(configuration));
  yield await finding('scratch', () => checkScratch(configuration, signal));
  let pipeline: Pipeline | undefined;
  yield await finding('pipeline', async () =>
    checkPipeline((pipeline = await loadPipeline(configuration)), configuration),
  );
  let store: ObjectStore | undefined;
  yield await finding('lake', async () => checkLake((store = await openedLake(configuration, terminal)), signal));
  if (store !== undefined) yield* storeFindings(configuration, store, signal);
  if (pipeline !== undefined) yield* hubFindings(configuration, pipeline, terminal, signal);
  if (pipeline !== undefined && store !== undefined) {
    yield* agreementFindings(configuration, pipeline, store, terminal, signal);
  }
}

/** Every wrong setting at once, and names that are none. */
function checkSettings({ environment }: Terminal): Says {
  const wrong = SETTINGS.flatMap(({ name }) => {
    try {
      readConfiguration({ [name]: environment[name] });
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  if (wrong.length > 0) throw new SluiceError('configuration', wrong.join('; '));
  const unknown = unknownSettings(environment);
  const given = SETTINGS.filter(({ name }) => environment[name] !== undefined).length;
  return unknown.length > 0 ? { warning: unknown.join('; ') } : `${given} given, the others by default`;
}

/** A file that is missing would stop the first run that has rows for it. */
function checkPipeline(pipeline: Pipeline, configuration: Configuration): Says {
  hubNameOf(configuration, pipeline);
  const { name, datasets, dimensions, gold } = pipeline;
  const urls = [
    ...datasets.flatMap(({ model, audits }) => [model, ...audits]),
    ...gold.flatMap(({ model, audits, reads }) => [model, ...audits, ...reads.map((read) => read.touchedDays)]),
  ];
  const missing = urls.map((url) => fileURLToPath(url)).filter((file) => !existsSync(file));
  if (missing.length === 0) {
    return `${name}: ${datasets.length} datasets, ${dimensions.length} dimensions, ${gold.length} views`;
  }
  throw new SluiceError('configuration', `SLUICE_PIPELINE names files that are not there: ${missing.join(', ')}`);
}

/** By a lake that is named: what only reads would take the local one. */
function openedLake(configuration: Configuration, terminal: Terminal): Promise<ObjectStore> {
  required(configuration.lake, 'SLUICE_LAKE', 'name the folder or container');
  return openLakeStore(configuration, terminal, { readOnly: true });
}

async function* storeFindings(
  configuration: Configuration,
  store: ObjectStore,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  yield await finding('clock', () => checkClock(store, systemClock.nowMs, signal));
  yield await finding('checkpoints', async () => {
    if (configuration.checkpoints === undefined)
      return { skipped: 'beside the tables; KEDA wants a container of its own' };
    return checkCheckpoints(await checkpointObjects(configuration, store, signal, { create: false }), signal);
  });
  yield await finding('lease', async () => {
    const holder = await leaseHolder(store, signal);
    if (holder === undefined) return 'free';
    const { command, runId, host, pid } = holder;
    return {
      warning: `${command} ${runId} (${host}, process ${pid}) holds it: a run now ends locked, if that one lives`,
    };
  });
}

/** Hubs side by side: those that do not answer are waited for once. */
async function* hubFindings(
  configuration: Configuration,
  pipeline: Pipeline,
  terminal: Terminal,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  if (configuration.eventHubs === undefined) {
    yield await finding('eventhubs', () => required(configuration.eventHubs, 'SLUICE_EVENTHUBS', EVENTHUBS_HINT));
    return;
  }
  const connection = configuration.eventHubs;
  const hubName = hubNameOf(configuration, pipeline);
  const { consumerGroup, route } = configuration;
  const log = terminal.logOf({ logLevel: 'error' });
  const all = pipeline.datasets.map(async ({ name }) => {
    const hub = hubName(name);
    const source = openEventSource({ connection, hub, consumerGroup, route, clock: systemClock, log });
    try {
      const there = await finding(`hub ${hub}`, () => checkHub(source, signal));
      if (there.state === 'failed') return [there];
      return [there, await finding(`listen ${hub}`, () => checkListen(source, consumerGroup, signal))];
    } finally {
      await source.close();
    }
  });
  const answers = (await Promise.all(all)).flat();
  yield* answers;
  if (route.transport === 'websocket' || !answers.some(({ exitCode }) => exitCode === 4)) return;
  if (Object.keys(route.proxy).some((name) => /^https_proxy$/i.test(name))) {
    const warning = 'HTTPS_PROXY is set, and AMQP over TCP goes past it; SLUICE_TRANSPORT=websocket goes through';
    yield await finding('proxy', () => ({ warning }));
  }
}

/** What lies in the lake against the settings and the hubs. */
async function* agreementFindings(
  configuration: Configuration,
  pipeline: Pipeline,
  store: ObjectStore,
  terminal: Terminal,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  const log = terminal.logOf({ logLevel: 'error' });
  const place = { configuration, pipeline, store, clock: systemClock, log };
  yield await finding('tables', async () => {
    const { silver, gold } = await planTables(place, signal);
    const error = [...silver, ...gold].find((each) => each.error !== undefined)?.error;
    if (error !== undefined) throw error;
    return `what is there of ${silver.length + gold.length} tables agrees with contracts and ${configuration.timeZone}`;
  });
  if (configuration.eventHubs === undefined) return;
  yield await finding('positions', async () => {
    const hubs = await planHubs(place, signal);
    // What cannot be reached was told above.
    const failed = hubs.find(({ error }) => error !== undefined && error.exitCode === 3)?.error;
    if (failed !== undefined) throw failed;
    const plans = hubs.flatMap(({ found }) => found ?? []);
    const lost = plans.flatMap(({ hub, partitions }) =>
      partitions.flatMap(({ partitionId, gap }) => (gap === undefined ? [] : [`${hub}/${partitionId}`])),
    );
    if (lost.length > 0)
      return { warning: `events expired before they were read: ${lost.join(', ')}; see sluice plan` };
    const warnings = plans.flatMap((each) => each.warnings);
    return warnings[0] === undefined ? 'no event is lost, no checkpoint is ahead' : { warning: warnings[0] };
  });
}

const MARKS = {
  ok: ['green', 'ok  '],
  warning: ['yellow', 'warn'],
  failed: ['red', 'FAIL'],
  skipped: ['gray', '-   '],
} as const;
const CHECK_COLUMNS = 18;

function line({ check, state, says }: Finding): string {
  const [color, mark] = MARKS[state];
  return `${styleText(color, mark, { stream: process.stdout })}  ${check.padEnd(CHECK_COLUMNS)} ${says}\n`;
}

function summary(found: readonly Finding[]): string {
  const count = (state: Finding['state']): number => found.filter((each) => each.state === state).length;
  const failed = count('failed');
  const warnings = count('warning');
  if (failed === 0 && warnings === 0) return 'all is well\n';
  return `${failed} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`;
}
