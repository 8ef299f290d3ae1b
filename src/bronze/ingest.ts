import { present } from '../base/assert.ts';
import { MiB } from '../base/limits.ts';
import { isAbort, SluiceError, toSluiceError } from '../base/errors.ts';
import type { Conflict } from '../delta/delta.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import type { BronzeOptions, BronzeOutcome, Gap, PartitionOutcome, RunOutcome } from './bronze.ts';
import { Committer } from './committer.ts';
import { EventBuffer } from './event-buffer.ts';
import { lookAhead } from './look-ahead.ts';
import type { Outlook } from './look-ahead.ts';
import { newPartitionState, progressOf } from './partition-state.ts';
import type { PartitionState } from './partition-state.ts';
import { receivePartition } from './receive-partition.ts';
import { StepClock } from './step-clock.ts';

/** Plans of one run: after this many lost races somebody else is at work, and better at it. */
const PLANS_MAX = 5;
/** Parts of the byte budget: what the client holds, and the two buffers of which one fills while one is written. */
const CLIENT_SHARE = 1 / 4;
const BUFFER_SHARE = 3 / 8;
/** A receiver holds one event at least, and the largest takes 1 MiB in the client and again as a column. */
const BYTES_PER_RECEIVER = 1.5 * MiB;
const RECEIVERS_AT_ONCE_MIN = 4;

/** See the door. */
export async function ingestHub(options: BronzeOptions, signal: AbortSignal): Promise<BronzeOutcome> {
  const steps = new StepClock(options.clock);
  let outlook: Outlook;
  try {
    const stop = AbortSignal.any([signal, options.softStop]);
    outlook = await steps.time('plan', () => lookAhead(options, stop));
  } catch (error) {
    signal.throwIfAborted();
    if (options.softStop.aborted) return endedBeforeStart(options, 'stopped', [], steps);
    return failedBeforeStart(options, toSluiceError(error), steps);
  }
  for (const warning of outlook.plan.warnings) options.log.warn(warning, { dataset: options.dataset });
  const run = new HubRun(options, outlook, steps, signal);
  try {
    await run.run();
  } finally {
    await run.close();
  }
  return run.outcome();
}

/** One hub from plan to outcome. Receivers fill the buffer side by side; what is written is written one at a time. */
class HubRun {
  private readonly options: BronzeOptions;
  private readonly steps: StepClock;
  private readonly signal: AbortSignal;
  private readonly outlook: Outlook;
  private readonly states: Map<string, PartitionState>;
  private readonly frozenEnds: ReadonlyMap<string, number>;
  private readonly committer: Committer;
  private readonly buffer: EventBuffer;
  /** Ends the receivers of one round, not what is being written. */
  private halt = new AbortController();
  private writing: Promise<void> = Promise.resolve();
  private flushing: Promise<void> | undefined;
  private conflict: Conflict | undefined;
  private failure: SluiceError | undefined;
  private stolen = false;

  constructor(options: BronzeOptions, outlook: Outlook, steps: StepClock, signal: AbortSignal) {
    this.options = options;
    this.outlook = outlook;
    this.steps = steps;
    this.signal = signal;
    const { partitions } = outlook.plan;
    this.states = new Map(partitions.map((plan) => [plan.partitionId, newPartitionState(plan)]));
    this.frozenEnds = new Map(partitions.map((plan) => [plan.partitionId, plan.lastSequenceNumber]));
    this.committer = new Committer(options, outlook, steps);
    this.buffer = new EventBuffer(options.bytesMax * BUFFER_SHARE);
  }

  async run(): Promise<void> {
    for (let round = 1; ; round++) {
      await this.round();
      this.signal.throwIfAborted();
      if (this.conflict !== 'transaction' || this.failure !== undefined || this.options.softStop.aborted) break;
      if (round === PLANS_MAX) {
        this.fail(this.lostRaces());
        break;
      }
      await this.planAgain();
      if (this.failure !== undefined) break;
    }
    if (this.failure === undefined) await this.committer.moveCheckpoints(this.states.values(), this.signal);
  }

  async close(): Promise<void> {
    this.halt.abort();
    await this.writing;
    await this.committer.close();
  }

  outcome(): BronzeOutcome {
    const { dataset, source } = this.options;
    const partitions = [...this.states.values()].map((state) => this.partitionOutcome(state));
    const errors = [...this.states.values()].flatMap((state) => state.error ?? []);
    if (this.failure !== undefined) errors.unshift(this.failure);
    return {
      dataset,
      hub: source.hub,
      partitions,
      outcome: this.runOutcome(partitions, errors),
      errors,
      warnings: this.outlook.plan.warnings,
      files: this.committer.files,
      bytesWritten: this.committer.bytesWritten,
      commits: this.committer.commits,
      stepSeconds: this.steps.seconds,
    };
  }

  /** Receives what the plan says and commits it; ends early with a conflict or a failure. */
  private async round(): Promise<void> {
    const signal = AbortSignal.any([this.signal, this.options.softStop, this.halt.signal]);
    const waiting = [...this.states.values()].filter((state) => state.next <= state.plan.lastSequenceNumber);
    const most = Math.max(RECEIVERS_AT_ONCE_MIN, Math.floor(this.options.bytesMax / BYTES_PER_RECEIVER));
    const receivers = Math.min(waiting.length, most);
    const bytesMax = (this.options.bytesMax * CLIENT_SHARE) / Math.max(1, receivers);
    const queue = waiting.values();
    const receiver = async (): Promise<void> => {
      // They share one iterator: each takes the next partition that nobody has.
      for (const state of queue) await this.receive(state, bytesMax, signal);
    };
    await this.steps.time('receive', async () => {
      await Promise.all(Array.from({ length: receivers }, receiver));
    });
    await this.flushing;
    await this.writing;
    const refused = waiting.some((state) => state.error?.exitCode === 2);
    // An unknown consumer group is a setting that is wrong: then nothing is touched, not even by an empty commit.
    if (refused && this.committer.commits === 0 && this.committer.isEmpty && this.buffer.isEmpty) return;
    await this.flush('commit');
  }

  private async receive(state: PartitionState, bytesMax: number, signal: AbortSignal): Promise<void> {
    const intake = {
      add: (of: PartitionState, batch: EventBatch) => this.add(of, batch, signal),
      recordGap: (of: PartitionState, gap: Gap) => this.recordGap(of, gap, signal),
    };
    try {
      signal.throwIfAborted();
      await receivePartition(this.options, state, bytesMax, intake, signal);
    } catch (error) {
      if (signal.aborted) return;
      const found = toSluiceError(error);
      if (found.code !== 'link_stolen') {
        state.error = found;
        this.options.log.error(found.message, { dataset: this.options.dataset, code: found.code });
        return;
      }
      this.options.log.warn(found.message, { dataset: this.options.dataset, code: found.code });
      this.stolen = true;
      this.halt.abort();
    }
  }

  /** Waits before it adds: else every partition would put one batch more into a buffer that is full. */
  private async add(state: PartitionState, batch: EventBatch, signal: AbortSignal): Promise<void> {
    while (this.buffer.isFull) {
      await (this.flushing ?? this.startFlush());
      signal.throwIfAborted();
    }
    this.buffer.add(batch);
    state.next = Number(batch.sequenceNumbers[batch.count - 1]) + 1;
  }

  /** Takes the full buffer; the receivers go on filling it until it is full again. */
  private async startFlush(): Promise<void> {
    this.flushing = this.flush('append').finally(() => {
      this.flushing = undefined;
    });
  }

  private async recordGap(state: PartitionState, gap: Gap, signal: AbortSignal): Promise<void> {
    await this.flush('commit');
    signal.throwIfAborted();
    await this.write(() => this.committer.recordGap(state, gap, this.signal));
    signal.throwIfAborted();
  }

  /** Writes all that is in the buffer at this moment; commits it, with the numbers that go with it, once it is due. */
  private flush(how: 'append' | 'commit'): Promise<void> {
    const batches = this.buffer.take();
    const targets = [...this.states.values()]
      // A partition that could not be opened stays unseen.
      .filter((state) => state.committed !== undefined || state.error === undefined || state.next > state.plan.begin)
      .map((state) => ({ state, next: state.next }));
    return this.write(async () => {
      await this.committer.append(batches, this.signal);
      if (how === 'append' && !this.committer.isDue) return undefined;
      const conflict = await this.committer.commit(targets, this.signal);
      if (conflict === undefined) await this.committer.moveCheckpoints(this.states.values(), this.signal);
      return conflict;
    });
  }

  /** Runs after what is being written; after a failure or a conflict nothing more is. Never rejects. */
  private write(action: () => Promise<Conflict | undefined>): Promise<void> {
    this.writing = this.writeAfter(this.writing, action);
    return this.writing;
  }

  private async writeAfter(before: Promise<void>, action: () => Promise<Conflict | undefined>): Promise<void> {
    await before;
    if (this.conflict !== undefined || this.failure !== undefined) return;
    try {
      this.conflict = await action();
      if (this.conflict === 'files') throw this.unexpectedChange();
    } catch (error) {
      if (!(isAbort(error) && this.signal.aborted)) this.fail(toSluiceError(error));
    }
    if (this.conflict !== undefined || this.failure !== undefined) this.halt.abort();
  }

  /** Someone else has committed a range of ours: what we hold of it is thrown away. The frozen ends stay. */
  private async planAgain(): Promise<void> {
    this.options.log.warn('another run committed the same events: planning again', { dataset: this.options.dataset });
    this.buffer.take();
    await this.committer.close();
    this.conflict = undefined;
    this.halt = new AbortController();
    try {
      const outlook = await this.steps.time('plan', () => lookAhead(this.options, this.signal, this.frozenEnds));
      this.committer.replanned(outlook);
      for (const plan of outlook.plan.partitions) {
        const state = this.states.get(plan.partitionId);
        if (state !== undefined) Object.assign(state, progressOf(plan));
      }
    } catch (error) {
      this.signal.throwIfAborted();
      this.fail(toSluiceError(error));
    }
  }

  private fail(error: SluiceError): void {
    this.failure = error;
    this.options.log.error(error.message, { dataset: this.options.dataset, code: error.code });
  }

  private unexpectedChange(): SluiceError {
    const { dataset } = this.options;
    const message = `bronze/${dataset}: another writer changed the table as no append can follow; run again`;
    return new SluiceError('table_conflict', message, { context: { dataset } });
  }

  private lostRaces(): SluiceError {
    const { dataset } = this.options;
    const message = `bronze/${dataset}: other runs won ${PLANS_MAX} commits in a row; run again when they are done`;
    return new SluiceError('table_conflict', message, { context: { dataset } });
  }

  private partitionOutcome(state: PartitionState): PartitionOutcome {
    const begin = present(
      this.outlook.plan.partitions.find((plan) => plan.partitionId === state.plan.partitionId),
      'plan',
    );
    const last = begin.lastSequenceNumber;
    const lagAfter = Math.max(0, last + 1 - (state.committed ?? state.plan.begin));
    return {
      partitionId: begin.partitionId,
      first: begin.begin,
      last,
      rows: state.rows,
      gapRows: state.gapRows,
      bytes: state.bytes,
      lagBefore: Math.max(0, last + 1 - begin.begin),
      lagAfter,
      outcome: this.outcomeOf(state, lagAfter),
      lastEnqueuedAtMs: state.lastEnqueuedAtMs,
    };
  }

  private outcomeOf(state: PartitionState, lagAfter: number): RunOutcome {
    if (state.error !== undefined) return 'failed';
    if (lagAfter === 0) return state.rows + state.gapRows > 0 ? 'complete' : 'empty';
    if (this.failure !== undefined) return 'failed';
    return this.stolen || this.conflict === 'fenced' ? 'locked' : 'stopped';
  }

  private runOutcome(partitions: readonly PartitionOutcome[], errors: readonly SluiceError[]): RunOutcome {
    if (errors.length > 0) return 'failed';
    if (this.stolen || this.conflict === 'fenced') return 'locked';
    for (const outcome of ['locked', 'stopped', 'complete'] as const) {
      if (partitions.some((partition) => partition.outcome === outcome)) return outcome;
    }
    return 'empty';
  }
}

function failedBeforeStart(options: BronzeOptions, error: SluiceError, steps: StepClock): BronzeOutcome {
  options.log.error(error.message, { dataset: options.dataset, code: error.code });
  return endedBeforeStart(options, 'failed', [error], steps);
}

function endedBeforeStart(
  options: BronzeOptions,
  outcome: RunOutcome,
  errors: readonly SluiceError[],
  steps: StepClock,
): BronzeOutcome {
  return {
    dataset: options.dataset,
    hub: options.source.hub,
    partitions: [],
    outcome,
    errors,
    warnings: [],
    files: 0,
    bytesWritten: 0,
    commits: 0,
    stepSeconds: steps.seconds,
  };
}
