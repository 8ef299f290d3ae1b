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

const WORTH_A_LOOK: ReadonlySet<string> = new Set(['receiver_stalled', 'consumer_group_not_found', 'hub_not_found']);

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
      await explain(options, state, error, intake, signal);
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
    await take(options, state, batch, intake, signal);
    signal.throwIfAborted();
  }
  if (state.next > last) return;
  await lose(options, state, await missing(options, state, last, signal), intake);
}

/** The events from the next one wanted to `last`, which did not come: by now they may have expired. */
async function missing(
  { source }: ReceiveOptions,
  { next, plan }: PartitionState,
  last: number,
  signal: AbortSignal,
): Promise<Gap> {
  const { firstSequenceNumber } = await source.partitionProperties(plan.partitionId, signal);
  const reason = firstSequenceNumber > last ? 'expired' : 'skipped';
  return { firstSequenceNumber: next, lastSequenceNumber: last, reason };
}

/** Hands on the events run by run; between two runs numbers are missing. */
async function take(
  options: ReceiveOptions,
  state: PartitionState,
  batch: EventBatch,
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  const { sequenceNumbers, count } = batch;
  let from = 0;
  while (from < count) {
    const first = Number(sequenceNumbers[from]);
    assert(first >= state.next, `partition ${batch.partitionId}: events come in order and once`);
    if (first > state.next) {
      await lose(options, state, await missing(options, state, first - 1, signal), intake);
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

/**
 * A receiver stalls also where its last events expired while it was at work: then they are lost, and it may go on. One
 * of a hub that was deleted and created again is not found, or waits for numbers that the new one does not have yet.
 */
async function explain(
  options: ReceiveOptions,
  state: PartitionState,
  error: unknown,
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof SluiceError) || !WORTH_A_LOOK.has(error.code)) throw error;
  const { partitionId, lastSequenceNumber: last } = state.plan;
  const { firstSequenceNumber, lastSequenceNumber: hubLast } = await options.source.partitionProperties(
    partitionId,
    signal,
  );
  if (hubLast < last) throw recreated(options, state, hubLast);
  if (error.code !== 'receiver_stalled') throw error;
  if (firstSequenceNumber <= state.next) throw error;
  const lostLast = Math.min(last, firstSequenceNumber - 1);
  await lose(
    options,
    state,
    { firstSequenceNumber: state.next, lastSequenceNumber: lostLast, reason: 'expired' },
    intake,
  );
}

function recreated({ source, dataset }: ReceiveOptions, { plan, next }: PartitionState, hubLast: number): SluiceError {
  const { partitionId, lastSequenceNumber: last } = plan;
  const message =
    `Hub ${source.hub}, partition ${partitionId}: events ${next} to ${last} waited when the run began, and now the ` +
    `hub ends at ${hubLast}: it was deleted and created again. Give it a new lake`;
  return new SluiceError('hub_recreated', message, { context: { hub: source.hub, dataset, partitionId, next, last } });
}
