import type { Pipeline } from '../../schemas/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { planBronze, type BronzePlan } from '../bronze/bronze.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { attempted, type Attempted } from './attempted.ts';
import { required, type Configuration } from './configuration.ts';
import { checkpointObjects, checkpointsOf, EVENTHUBS_HINT, hubNameOf } from './hub-sources.ts';
import { GAPS_ROOT } from './tables.ts';

/** Where a plan looks. */
export interface PlanPlace {
  readonly configuration: Configuration;
  readonly pipeline: Pipeline;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PlannedHub extends Attempted<BronzePlan> {
  readonly dataset: string;
  readonly hub: string;
}

/** Ranges of the hubs (all of the pipeline's, or those chosen), side by side. */
export async function planHubs(
  place: PlanPlace,
  signal: AbortSignal,
  isChosen: (hub: string) => boolean = () => true,
): Promise<PlannedHub[]> {
  const { configuration, pipeline, store, clock, log } = place;
  const { openEventSource } = await import('../eventhubs/eventhubs.ts');
  const connection = required(configuration.eventHubs, 'SLUICE_EVENTHUBS', EVENTHUBS_HINT);
  const { consumerGroup, route, start } = configuration;
  const hubName = hubNameOf(configuration, pipeline);
  const objects = await checkpointObjects(configuration, store, signal, { create: false });
  const planned = async (dataset: string): Promise<PlannedHub> => {
    const hub = hubName(dataset);
    const source = openEventSource({ connection, hub, consumerGroup, route, clock, log });
    const checkpoints = await checkpointsOf(objects, { source, hub }, consumerGroup);
    const [table, gaps] = [`bronze/${dataset}`, GAPS_ROOT].map((root) => ({ store, root })) as [Table, Table];
    try {
      const options = { dataset, source, table, gaps, checkpoints, start, clock };
      return { dataset, hub, ...(await attempted(() => planBronze(options, signal))) };
    } finally {
      await source.close();
    }
  };
  const chosen = pipeline.datasets.filter(({ name }) => isChosen(hubName(name)));
  return Promise.all(chosen.map(({ name }) => planned(name)));
}

type Table = { readonly store: ObjectStore; readonly root: string };
