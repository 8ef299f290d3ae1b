import { SluiceError } from '../base/errors.ts';
import { present } from '../base/assert.ts';
import { MiB } from '../base/limits.ts';
import { replayRange } from '../bronze/bronze.ts';
import { chosenDatasets, closeHubs, hubNameOf, reachHubs } from './hub-sources.ts';
import type { EventSource } from '../eventhubs/eventhubs.ts';
import type { Maintenance, Step, StepResult } from './maintain.ts';
import { GAPS_ROOT } from './tables.ts';
import type { Terminal } from './terminal.ts';

/** A range of sequence numbers of one partition, both ends inclusive. */
export interface ReplayRange {
  /** Dataset or hub name. */
  readonly hub: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Events in memory: more makes no replay faster. */
const EVENT_BYTES_MAX = 8 * MiB;

/** Reads the range again; what bronze lacks of it and the hub still has is added. */
export function replayRangeStep(work: Maintenance, range: ReplayRange, terminal: Terminal): Step {
  const { configuration, pipeline, lake } = work;
  const hubName = hubNameOf(configuration, pipeline);
  const [dataset] = chosenDatasets([range.hub], pipeline, hubName);
  const { name } = present(dataset, 'the dataset of the hub');
  return {
    table: `bronze/${name}`,
    async run(signal) {
      const reach = { clock: lake.clock, log: lake.log, ...terminal.stop };
      const hubs = await reachHubs(chosenDatasets([name], pipeline, hubName), configuration, hubName, reach);
      try {
        const { source, failure } = present(hubs[0], 'the hub that was reached');
        if (failure !== undefined) throw failure;
        return await replayFrom(source, work, name, range, signal);
      } finally {
        await closeHubs(hubs);
      }
    },
  };
}

/** The range of the dataset's hub, once that is reached. */
export async function replayFrom(
  source: EventSource,
  { configuration, lake, fence, stop }: Maintenance,
  dataset: string,
  range: ReplayRange,
  signal: AbortSignal,
): Promise<StepResult> {
  const { partitionIds } = await source.hubProperties(signal);
  const partitionId = String(range.partition);
  if (!partitionIds.includes(partitionId)) throw noPartition(range, partitionIds);
  const options = {
    ...lake,
    dataset,
    source,
    table: lake.table(`bronze/${dataset}`),
    gaps: lake.table(GAPS_ROOT),
    consumerGroup: configuration.consumerGroup,
    fence,
    bytesMax: EVENT_BYTES_MAX,
    softStop: stop,
    partitionId,
    range: { first: range.from, last: range.to },
  };
  const { outcome, ...facts } = await replayRange(options, signal);
  const { missing, found, corrected } = facts;
  const text = `bronze lacked ${missing} events; ${found} are added, ${corrected} are lost no more`;
  return { outcome, text: missing + corrected === 0 ? 'bronze lacks nothing of the range' : text, facts };
}

function noPartition({ hub, partition }: ReplayRange, ids: readonly string[]): SluiceError {
  const message = `hub ${hub} has no partition ${partition}; there are: ${ids.join(', ')}`;
  return new SluiceError('usage', message, { context: { hub, partition } });
}
