import { systemClock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { EventSink } from '../eventhubs/eventhubs.ts';
import { generateTicks, produce, type GeneratedEvent, type ProduceResult } from '../producer/producer.ts';
import { readConfiguration, required, type Configuration } from './configuration.ts';
import { defaultDimensions } from './default-dimensions.ts';
import { EVENTHUBS_HINT, hubNameOf } from './hub-sources.ts';
import { loadPipeline } from './lake.ts';
import { loadDimensions } from './load.ts';
import { progressBar } from './progress.ts';
import type { Terminal } from './terminal.ts';

export interface ProduceCommandOptions {
  readonly ticks?: number;
  readonly rate?: number;
  /** Milliseconds. */
  readonly for?: number;
  readonly seed: number;
  /** Milliseconds since 1970. */
  readonly from?: number;
  readonly dimensions?: boolean;
}

const TICK_MS = 120_000;
const AGENTS = 1000;

/** `sluice produce`: synthetic events to the hubs, or the default dimensions to the lake. */
export async function produceEvents(options: ProduceCommandOptions, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  if (options.dimensions === true) {
    const loads = defaultDimensions(await loadPipeline(configuration), options.seed);
    return loadDimensions(loads, 'produce', configuration, terminal);
  }
  const paced = options.rate !== undefined || options.for !== undefined;
  const ticks = options.ticks ?? (paced ? Number.POSITIVE_INFINITY : 1);
  const fromMs = options.from ?? Math.floor(systemClock.nowMs() / TICK_MS) * TICK_MS - TICK_MS;
  const agentIds = Array.from({ length: AGENTS }, (_, index) => index + 1);
  const events = generateTicks({ seed: options.seed, fromMs, ticks, agentIds });
  const pace = {
    ...(options.rate === undefined ? {} : { ratePerSecond: options.rate }),
    ...(options.for === undefined ? {} : { durationMs: options.for }),
  };
  const result = await sendEvents(events, configuration, log, terminal, pace);
  for (const [dataset, sent] of Object.entries(result.sent)) terminal.print(`${dataset}: ${sent} events sent\n`);
  return 0;
}

/** Sends the events, each to its dataset's hub, until they end or the first signal. */
export async function sendEvents(
  events: Iterable<GeneratedEvent>,
  configuration: Configuration,
  log: Log,
  terminal: Terminal,
  pace: { readonly ratePerSecond?: number; readonly durationMs?: number } = {},
): Promise<ProduceResult> {
  const pipeline = await loadPipeline(configuration);
  const hubName = hubNameOf(configuration, pipeline);
  const connection = required(configuration.eventHubs, 'SLUICE_EVENTHUBS', EVENTHUBS_HINT);
  const { route } = configuration;
  const { openEventSink } = await import('../eventhubs/eventhubs.ts');
  const open = new Map(
    pipeline.datasets.map(({ name }) => [name, openEventSink({ connection, hub: hubName(name), route })] as const),
  );
  const sinks = (dataset: string): EventSink => {
    const sink = open.get(dataset);
    if (sink === undefined) {
      throw new SluiceError('configuration', `SLUICE_PIPELINE has no dataset ${dataset}, which the producer sends`);
    }
    return sink;
  };
  const progress = progressBar('sending');
  const counted = function* (): Iterable<GeneratedEvent> {
    for (const event of events) {
      progress.add(1);
      yield event;
    }
  };
  try {
    return await produce({ events: counted(), sinks, clock: systemClock, log, ...pace }, terminal.stop.soft);
  } finally {
    progress.end();
    await Promise.allSettled([...open.values()].map((sink) => sink.close()));
  }
}
