import { SluiceError, toSluiceError } from '../base/errors.ts';
import type { EventSource } from '../eventhubs/eventhubs.ts';
import { LIMITS, MiB } from '../base/limits.ts';
import type { Says } from './finding.ts';
import { PROBE_EPOCH } from './hub-sources.ts';

/** Is the hub there, and may we ask: by asking. */
export async function checkHub(source: EventSource, signal: AbortSignal): Promise<Says> {
  const { partitionIds, createdAtMs } = await source.hubProperties(signal);
  const partitions = await Promise.all(partitionIds.map((id) => source.partitionProperties(id, signal)));
  const events = partitions.reduce((sum, each) => sum + each.lastSequenceNumber + 1 - each.firstSequenceNumber, 0);
  const created = new Date(createdAtMs).toISOString().slice(0, 10);
  return `${partitionIds.length} partitions, ${events} events retained, created ${created}`;
}

/** May we listen, and is there the group: by reading one event, below the epoch of any run. */
export async function checkListen(source: EventSource, consumerGroup: string, signal: AbortSignal): Promise<Says> {
  const { partitionIds } = await source.hubProperties(signal);
  const partitions = await Promise.all(partitionIds.map((id) => source.partitionProperties(id, signal)));
  const filled = partitions.find((each) => each.lastSequenceNumber >= each.firstSequenceNumber);
  if (filled === undefined) return { skipped: `the hub holds no event to read in group ${consumerGroup}` };
  const { partitionId, firstSequenceNumber } = filled;
  const range = { firstSequenceNumber, lastSequenceNumber: firstSequenceNumber };
  const request = { partitionId, ...range, ownerLevel: PROBE_EPOCH, consumerGroup, bytesMax: 2 * MiB };
  const limit = AbortSignal.timeout(LIMITS.eventHubsAnswerMsMax);
  try {
    for await (const _ of source.receive(request, AbortSignal.any([signal, limit])));
    return `group ${consumerGroup} reads partition ${partitionId}`;
  } catch (thrown) {
    signal.throwIfAborted();
    if (limit.aborted) throw silent(source, partitionId);
    // A run at work reads by a higher epoch, and is not put off by us.
    if (toSluiceError(thrown).code === 'link_stolen') return `group ${consumerGroup} is read by a run now`;
    throw thrown;
  }
}

function silent({ hub }: EventSource, partitionId: string): SluiceError {
  const waited = LIMITS.eventHubsAnswerMsMax / 1000;
  const message = `hub ${hub}, partition ${partitionId}: no event came within ${waited} s, though some are retained`;
  return new SluiceError('receiver_stalled', message, { context: { hub, partitionId } });
}
