import { assert } from '../base/assert.ts';
import { SluiceError } from '../base/errors.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import type { BronzeOptions, Gap } from './bronze.ts';
import { sliceBatch } from './event-buffer.ts';
import type { PartitionState } from './partition-state.ts';

/** What a receiver hands its events to. */
export interface Intake {
  /**
   * Takes the events once there is room for them, and moves `state.next` on at that very moment: what is committed
   * with a number must be all that stands before it.
   */
  add(state: PartitionState, batch: EventBatch): Promise<void>;
  /** Records the gap once all before it is committed. */
  recordGap(state: PartitionState, gap: Gap): Promise<void>;
}

type ReceiveOptions = Pick<BronzeOptions, 'source' | 'consumerGroup' | 'fence' | 'onLoss' | 'log' | 'dataset'>;

/**
 * Reads one partition up to its frozen end. A jump in the numbers is a gap: recorded, or by policy thrown as
 * `events_lost`, and then nothing after it is taken.
 */
export async function receivePartition(
  options: ReceiveOptions,
  state: PartitionState,
  bytesMax: number,
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  const last = state.plan.lastSequenceNumber;
  if (state.plan.gap !== undefined) await lose(options, state, state.plan.gap, intake);
  while (state.next <= last) {
    try {
      await receiveRange(options, state, bytesMax, intake, signal);
    } catch (error) {
      await explainStall(options, state, error, intake, signal);
    }
  }
}

async function receiveRange(
  options: ReceiveOptions,
  state: PartitionState,
  bytesMax: number,
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  const { source, consumerGroup, fence } = options;
  const last = state.plan.lastSequenceNumber;
  const request = {
    partitionId: state.plan.partitionId,
    firstSequenceNumber: state.next,
    lastSequenceNumber: last,
    ownerLevel: fence,
    consumerGroup,
    bytesMax,
  };
  for await (const batch of source.receive(request, signal)) {
    await take(options, state, batch, intake);
    signal.throwIfAborted();
  }
  if (state.next > last) return;
  await lose(options, state, { firstSequenceNumber: state.next, lastSequenceNumber: last, reason: 'skipped' }, intake);
}

/** Hands on the events run by run; between two runs numbers are missing. */
async function take(options: ReceiveOptions, state: PartitionState, batch: EventBatch, intake: Intake): Promise<void> {
  const { sequenceNumbers, count } = batch;
  let from = 0;
  while (from < count) {
    const first = Number(sequenceNumbers[from]);
    assert(first >= state.next, `partition ${batch.partitionId}: events come in order and once`);
    if (first > state.next) {
      const gap: Gap = { firstSequenceNumber: state.next, lastSequenceNumber: first - 1, reason: 'skipped' };
      await lose(options, state, gap, intake);
    }
    const to = endOfRun(sequenceNumbers, from, count);
    await intake.add(state, sliceBatch(batch, from, to));
    from = to;
  }
}

function endOfRun(sequenceNumbers: BigInt64Array, from: number, count: number): number {
  const first = sequenceNumbers[from] as bigint;
  // Numbers grow, so one look at the end tells of a run without holes.
  if (sequenceNumbers[count - 1] === first + BigInt(count - 1 - from)) return count;
  let to = from + 1;
  while (to < count && sequenceNumbers[to] === (sequenceNumbers[to - 1] as bigint) + 1n) to++;
  return to;
}

async function lose(options: ReceiveOptions, state: PartitionState, gap: Gap, intake: Intake): Promise<void> {
  const { source, dataset, onLoss, log } = options;
  const { partitionId } = state.plan;
  const { firstSequenceNumber: first, lastSequenceNumber: last, reason } = gap;
  const what =
    `Hub ${source.hub}, partition ${partitionId}: events ${first} to ${last} are lost ` +
    (reason === 'expired' ? '(they expired before they were read)' : '(the hub went over them)');
  if (onLoss === 'record') {
    log.warn(what, { dataset, partitionId, first, last });
    await intake.recordGap(state, gap);
    return;
  }
  throw new SluiceError('events_lost', `${what}. Nothing after them was committed; SLUICE_ON_LOSS=record goes on`, {
    context: { hub: source.hub, dataset, partitionId, first, last },
  });
}

/** A receiver stalls also where its last events expired while it was at work: then they are lost, and it may go on. */
async function explainStall(
  options: ReceiveOptions,
  state: PartitionState,
  error: unknown,
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof SluiceError) || error.code !== 'receiver_stalled') throw error;
  const { partitionId, lastSequenceNumber: last } = state.plan;
  const { firstSequenceNumber } = await options.source.partitionProperties(partitionId, signal);
  if (firstSequenceNumber <= state.next) throw error;
  const lostLast = Math.min(last, firstSequenceNumber - 1);
  await lose(
    options,
    state,
    { firstSequenceNumber: state.next, lastSequenceNumber: lostLast, reason: 'expired' },
    intake,
  );
}
