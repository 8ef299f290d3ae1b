import type { DatasetContract, Pipeline } from '../../schemas/contract.ts';
import type { Clock } from '../base/clock.ts';
import { SluiceError, toSluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { BronzeOutcome } from '../bronze/bronze.ts';
import type { CheckpointStore, EventSource, openEventSource } from '../eventhubs/eventhubs.ts';
import { openStore, parseLake } from '../storage/open-store.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { required, wrong, type Configuration } from './configuration.ts';
import { suggestion } from './nearest.ts';

export const EVENTHUBS_HINT =
  'give a connection string of the namespace or NAME.servicebus.windows.net (`sluice hub` prints one of its own)';

const PROBE_BYTES = 2 * MiB;
/** Lower than the number of any lease: a run that reads is not put off by a question. */
export const PROBE_EPOCH = 1;

/** A dataset's hub, and why it cannot be read where it cannot. */
export interface HubSource {
  readonly dataset: DatasetContract;
  readonly hub: string;
  readonly source: EventSource;
  readonly failure?: SluiceError;
}

export type OpenEventSource = typeof openEventSource;

export interface ReachTools {
  readonly clock: Clock;
  readonly log: Log;
  readonly soft: AbortSignal;
  readonly hard: AbortSignal;
  /** Given by tests. */
  readonly openEventSource?: OpenEventSource | undefined;
}

/** Dataset → hub name; throws where SLUICE_HUBS names a dataset that the pipeline does not have. */
export function hubNameOf(configuration: Configuration, pipeline: Pipeline): (dataset: string) => string {
  const names = pipeline.datasets.map((dataset) => dataset.name);
  for (const name of configuration.hubs.keys()) {
    if (!names.includes(name)) throw wrong('SLUICE_HUBS', `names the dataset "${name}"; ${suggestion(name, names)}`);
  }
  return (dataset) => configuration.hubs.get(dataset) ?? dataset;
}

/** The datasets that `--hub` asks for, by dataset or hub name; all where it asks for none. */
export function chosenDatasets(
  wanted: readonly string[] | undefined,
  pipeline: Pipeline,
  hubName: (dataset: string) => string,
): readonly DatasetContract[] {
  if (wanted === undefined) return pipeline.datasets;
  const named = (name: string) => (dataset: DatasetContract) => dataset.name === name || hubName(dataset.name) === name;
  for (const name of wanted) {
    if (pipeline.datasets.some(named(name))) continue;
    const names = pipeline.datasets.map((dataset) => hubName(dataset.name));
    throw new SluiceError('usage', `unknown hub '${name}'; ${suggestion(name, names)}`, { context: { hub: name } });
  }
  return pipeline.datasets.filter((dataset) => wanted.some((name) => named(name)(dataset)));
}

/**
 * Asks every hub who it is before anything is written. A wrong name or setting is thrown; a hub that does not answer
 * is told with its failure, so that it stops no other. None where the run is stopped meanwhile.
 */
export async function reachHubs(
  datasets: readonly DatasetContract[],
  configuration: Configuration,
  hubName: (dataset: string) => string,
  tools: ReachTools,
): Promise<HubSource[]> {
  const { clock, log, soft, hard } = tools;
  const open = tools.openEventSource ?? (await import('../eventhubs/eventhubs.ts')).openEventSource;
  const connection = required(configuration.eventHubs, 'SLUICE_EVENTHUBS', EVENTHUBS_HINT);
  const { consumerGroup, receiver, route } = configuration;
  if (route.transport === 'websocket' && receiver === 'direct') {
    log.info(
      'SLUICE_TRANSPORT=websocket: the genuine client reads, since the direct receiver speaks AMQP over TCP alone',
    );
  }
  const sources = datasets.map((dataset) => {
    const hub = hubName(dataset.name);
    return { dataset, hub, source: open({ connection, hub, consumerGroup, receiver, route, clock, log }) };
  });
  const signal = AbortSignal.any([soft, hard]);
  const answers = await Promise.allSettled(sources.map(({ source }) => reach(source, consumerGroup, signal)));
  if (signal.aborted) {
    await closeHubs(sources);
    hard.throwIfAborted();
    return [];
  }
  const failures = answers.map((answer) => (answer.status === 'rejected' ? toSluiceError(answer.reason) : undefined));
  const fatal = failures.find((failure) => failure !== undefined && failure.exitCode !== 4);
  if (fatal !== undefined) {
    await closeHubs(sources);
    throw fatal;
  }
  return sources.map((source, index) => {
    const failure = failures[index];
    return failure === undefined ? source : { ...source, failure };
  });
}

/** Asks for the hub, and for a group of one's own by reading one event: there is no question about groups alone. */
async function reach(source: EventSource, consumerGroup: string, signal: AbortSignal): Promise<void> {
  const { partitionIds } = await source.hubProperties(signal);
  if (consumerGroup === '$Default') return;
  const partitions = await Promise.all(partitionIds.map((id) => source.partitionProperties(id, signal)));
  const filled = partitions.find((each) => each.lastSequenceNumber >= each.firstSequenceNumber);
  // Nothing to read: then the drain asks for no group either.
  if (filled === undefined) return;
  const { partitionId, firstSequenceNumber } = filled;
  const range = { firstSequenceNumber, lastSequenceNumber: firstSequenceNumber };
  const request = { partitionId, ...range, ownerLevel: PROBE_EPOCH, consumerGroup, bytesMax: PROBE_BYTES };
  try {
    for await (const _ of source.receive(request, signal));
  } catch (error) {
    // Whatever else is wrong here, a busy partition for one, the drain meets and judges.
    if (toSluiceError(error).code === 'consumer_group_not_found') throw error;
  }
}

export async function closeHubs(hubs: readonly Pick<HubSource, 'source'>[]): Promise<void> {
  await Promise.allSettled(hubs.map(({ source }) => source.close()));
}

/** What a hub that did not answer leaves in the receipt. */
export function unreachedHub({ dataset, hub, failure }: HubSource): BronzeOutcome {
  return {
    dataset: dataset.name,
    hub,
    partitions: [],
    outcome: 'failed',
    errors: failure === undefined ? [] : [failure],
    warnings: [],
    files: 0,
    bytesWritten: 0,
    commits: 0,
    stepSeconds: { plan: 0, receive: 0, write: 0, commit: 0, checkpoint: 0 },
  };
}

/** Where checkpoints are kept: the setting's place, or `_checkpoints` of the lake. */
export async function checkpointObjects(
  configuration: Configuration,
  lake: ObjectStore,
  signal: AbortSignal,
  { create = true }: { readonly create?: boolean } = {},
): Promise<ObjectStore> {
  const setting = 'SLUICE_CHECKPOINTS';
  if (configuration.checkpoints === undefined) return below(lake, '_checkpoints/');
  const location = parseLake(configuration.checkpoints, setting);
  return openStore(location, { connectionString: configuration.storageConnectionString, create, setting }, signal);
}

export async function checkpointsOf(
  objects: ObjectStore,
  { source, hub }: Pick<HubSource, 'source' | 'hub'>,
  consumerGroup: string,
): Promise<CheckpointStore> {
  const { openCheckpoints } = await import('../eventhubs/eventhubs.ts');
  return openCheckpoints(objects, { namespace: source.namespace, hub, consumerGroup });
}

/** A part of a store, as a store of its own for what checkpoints ask of it. */
function below(store: ObjectStore, prefix: string): ObjectStore {
  return {
    ...store,
    put: (path, ...rest) => store.put(`${prefix}${path}`, ...rest),
    async *list(path, signal, options) {
      for await (const found of store.list(`${prefix}${path}`, signal, options)) {
        yield { ...found, path: found.path.slice(prefix.length) };
      }
    },
  };
}
