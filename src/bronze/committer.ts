import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { LENGTH_BYTES, valueAt } from '../base/byte-column.ts';
import { assert, present } from '../base/assert.ts';
import { isAbort } from '../base/errors.ts';
import { commit, createColumnFile, ensureTable } from '../delta/delta.ts';
import type { Change, ColumnFile, Conflict, Snapshot, TransactionStep } from '../delta/delta.ts';
import type { EventBatch, PartitionCheckpoint } from '../eventhubs/eventhubs.ts';
import { bronzeRows } from './bronze-rows.ts';
import type { FileFacts } from './bronze-rows.ts';
import type { BronzeOptions, Gap } from './bronze.ts';
import type { Outlook } from './look-ahead.ts';
import type { PartitionState } from './partition-state.ts';
import { gapTransactionName, lossTransactionName, transactionName } from './plan.ts';
import type { StepClock } from './step-clock.ts';

/** What was read stands in the table after this time at the latest, however slowly more of it comes. */
const FILE_AGE_MS_MAX = 60_000;

/** A partition and the number that it will want next once the flush has landed. */
export interface Target {
  readonly state: PartitionState;
  readonly next: number;
}

/** The file that takes the events until it is committed. */
interface OpenFile {
  readonly file: ColumnFile;
  readonly facts: FileFacts;
  readonly openedAtMs: number;
  readonly landing: Landing[];
  heldBytes: number;
}

/** What a batch adds to its partition once it has landed. */
interface Landing {
  readonly partitionId: string;
  readonly rows: number;
  readonly bytes: number;
  readonly lastOffset: string;
  readonly lastEnqueuedAtMs: number;
}

/** Writes files, commits them with the partitions' numbers, and moves the checkpoints after. One call at a time. */
export class Committer {
  files = 0;
  bytesWritten = 0;
  commits = 0;
  private readonly options: BronzeOptions;
  private readonly steps: StepClock;
  private outlook: Outlook;
  private table: Snapshot | undefined;
  private gaps: Snapshot | undefined;
  private readonly checkpoints: Map<string, number>;
  /** Ends of the losses that this run has claimed, by partition. */
  private readonly claims = new Map<string, number>();
  private open: OpenFile | undefined;

  constructor(options: BronzeOptions, outlook: Outlook, steps: StepClock) {
    this.options = options;
    this.steps = steps;
    this.outlook = outlook;
    this.table = outlook.table;
    this.gaps = outlook.gaps;
    this.checkpoints = new Map(outlook.checkpoints);
  }

  /** Builds on what a new plan was made from. */
  replanned(outlook: Outlook): void {
    this.outlook = outlook;
    this.table = outlook.table;
    this.gaps = outlook.gaps;
    this.claims.clear();
    assert(this.open === undefined, 'nothing waits for a commit');
  }

  /**
   * Takes the events into the open file, so that their memory is free. They land with the next commit, whose numbers
   * must be those after them; a conflict or an error throws them away.
   */
  async append(batches: readonly EventBatch[], signal: AbortSignal): Promise<void> {
    if (batches.length === 0) return;
    await this.ensureTables(signal);
    await this.steps.time('write', async () => {
      const open = (this.open ??= await this.openFile());
      for (const batch of batches) {
        await open.file.append(bronzeRows(batch, open.facts));
        open.landing.push(landingOf(batch));
        open.heldBytes += batch.heldBytes;
        batch.release?.();
      }
    });
  }

  get isEmpty(): boolean {
    return this.open === undefined;
  }

  /** Whether the open file is large or old enough to be committed. */
  get isDue(): boolean {
    const { open, options } = this;
    if (open === undefined) return false;
    return open.heldBytes >= options.fileBytesMax || options.clock.nowMs() >= open.openedAtMs + FILE_AGE_MS_MAX;
  }

  /**
   * Lands the events appended and the numbers of the targets in one commit, or says why nothing of it did. A partition
   * never seen before gets its number even without an event.
   */
  async commit(targets: readonly Target[], signal: AbortSignal): Promise<Conflict | undefined> {
    const { open } = this;
    const moved = targets.filter(({ state, next }) => next !== state.committed);
    if (moved.length === 0) {
      assert(open === undefined, 'events are committed with the number after them');
      return undefined;
    }
    const { table, fence } = this.options;
    const base = await this.ensureTables(signal);
    const files = open === undefined ? [] : [await this.steps.time('write', () => open.file.store(signal))];
    const change: Change = {
      operation: 'WRITE',
      add: files,
      fence,
      transactions: moved.flatMap(({ state, next }) => [
        { appId: this.name(transactionName, state), expected: state.committed, next },
        this.lossSeen(state),
      ]),
    };
    const result = await this.steps.time('commit', () => commit(table, base, change, this.context(), signal));
    this.table = result.snapshot;
    this.open = undefined;
    if (result.kind === 'conflicted') return result.reason;
    this.commits++;
    this.files += files.length;
    for (const file of files) this.bytesWritten += file.sizeBytes;
    for (const { state, next } of moved) state.committed = next;
    for (const landed of open?.landing ?? []) count(landed, targets);
    return undefined;
  }

  /**
   * Writes the gap to the gaps table. All before it must be committed: so a crash after this leaves no doubt. The
   * loss is claimed in the bronze table first: another run, which read these events while they were there, can then
   * no longer commit them, and nothing is both a row and lost.
   */
  async recordGap(state: PartitionState, gap: Gap, signal: AbortSignal): Promise<Conflict | undefined> {
    const { gaps: location, dataset, runId, clock, scratch, fence } = this.options;
    assert(gap.firstSequenceNumber === state.next, 'a gap begins at the next number wanted');
    this.gaps ??= await ensureTable(location, gapsTable, { context: this.context() }, signal);
    const taken = await this.claimLoss(state, gap.lastSequenceNumber + 1, signal);
    if (taken !== undefined) return taken;
    const file = await createColumnFile(location, gapsTable, {}, scratch);
    const cells: Readonly<Record<string, string | number | bigint>> = {
      dataset,
      partition_id: Number(state.plan.partitionId),
      first_sequence_number: BigInt(gap.firstSequenceNumber),
      last_sequence_number: BigInt(gap.lastSequenceNumber),
      reason: gap.reason,
      found_at: BigInt(clock.nowMs()) * 1000n,
      run_id: runId,
    };
    const columns = gapsTable.columns.map(({ name }) => ({ repeated: present(cells[name], `gap column ${name}`) }));
    await file.append({ count: 1, columns });
    const add = [await file.store(signal)];
    const next = gap.lastSequenceNumber + 1;
    const appId = this.name(gapTransactionName, state);
    const transactions = [{ appId, expected: state.recordedGapBelow, next }];
    const change: Change = { operation: 'WRITE', add, fence, transactions };
    const result = await commit(location, this.gaps, change, this.context(), signal);
    this.gaps = result.snapshot;
    if (result.kind === 'conflicted') return result.reason;
    this.commits++;
    state.recordedGapBelow = next;
    state.next = next;
    state.lastOffset = undefined;
    state.gapRows += next - gap.firstSequenceNumber;
    return undefined;
  }

  /** Moves the checkpoints of all partitions to what is committed. They follow the table: a failure is a warning. */
  async moveCheckpoints(states: Iterable<PartitionState>, signal: AbortSignal): Promise<void> {
    const due: PartitionCheckpoint[] = [];
    for (const state of states) {
      const checkpoint = checkpointOf(state);
      if (checkpoint === undefined) continue;
      if (this.checkpoints.get(checkpoint.partitionId) !== checkpoint.sequenceNumber) due.push(checkpoint);
    }
    if (due.length === 0) return;
    try {
      await this.steps.time('checkpoint', () => this.options.checkpoints.write(due, signal));
      for (const { partitionId, sequenceNumber } of due) this.checkpoints.set(partitionId, sequenceNumber);
    } catch (error) {
      if (isAbort(error)) throw error;
      const { dataset, log } = this.options;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('checkpoints not written: they stay behind the table', { dataset, reason });
    }
  }

  /** Throws away what was appended and not committed. */
  async close(): Promise<void> {
    const { open } = this;
    this.open = undefined;
    await open?.file.discard();
  }

  private async openFile(): Promise<OpenFile> {
    const { table, clock, runId, scratch } = this.options;
    const openedAtMs = clock.nowMs();
    // One day a file, whenever its last row is appended.
    const day = new Date(openedAtMs).toISOString().slice(0, 10);
    const file = await createColumnFile(table, bronzeTable, { ingestion_date: day }, scratch);
    const facts = { ingestedAtUs: BigInt(openedAtMs) * 1000n, runId };
    return { file, facts, openedAtMs, landing: [], heldBytes: 0 };
  }

  /** The gaps table first, so that a table of events is never without it. */
  private async ensureTables(signal: AbortSignal): Promise<Snapshot> {
    const { table, gaps } = this.options;
    this.gaps ??= await ensureTable(gaps, gapsTable, { context: this.context() }, signal);
    return (this.table ??= await ensureTable(table, bronzeTable, { context: this.context() }, signal));
  }

  private async claimLoss(state: PartitionState, next: number, signal: AbortSignal): Promise<Conflict | undefined> {
    const { table, fence } = this.options;
    this.table ??= await ensureTable(table, bronzeTable, { context: this.context() }, signal);
    const here = { appId: this.name(transactionName, state), expected: state.committed };
    const change: Change = { operation: 'WRITE', fence, transactions: [here, { ...this.lossSeen(state), next }] };
    const result = await commit(table, this.table, change, this.context(), signal);
    this.table = result.snapshot;
    if (result.kind === 'conflicted') return result.reason;
    this.commits++;
    this.claims.set(state.plan.partitionId, next);
    return undefined;
  }

  /** The loss of the partition that was claimed when this run planned, or by this run since. */
  private lossSeen(state: PartitionState): TransactionStep {
    const appId = this.name(lossTransactionName, state);
    const expected = this.claims.get(state.plan.partitionId) ?? this.outlook.table?.transactions.get(appId);
    return { appId, expected };
  }

  private name(form: typeof transactionName, state: PartitionState): string {
    return form(this.options.dataset, this.outlook.plan.createdAtMs, state.plan.partitionId);
  }

  private context() {
    const { clock, runId, log } = this.options;
    return { clock, runId, log };
  }
}

function landingOf(batch: EventBatch): Landing {
  const last = batch.count - 1;
  return {
    partitionId: batch.partitionId,
    rows: batch.count,
    bytes: (batch.bodies.ends[last] as number) - batch.count * LENGTH_BYTES,
    lastOffset: Buffer.from(valueAt(batch.offsets, last) ?? []).toString('utf8'),
    lastEnqueuedAtMs: Number((batch.enqueuedAtUs[last] as bigint) / 1000n),
  };
}

function count(landed: Landing, targets: readonly Target[]): void {
  const state = targets.find((target) => target.state.plan.partitionId === landed.partitionId)?.state;
  assert(state !== undefined, `partition ${landed.partitionId} is one of the hub`);
  state.rows += landed.rows;
  state.bytes += landed.bytes;
  state.lastOffset = landed.lastOffset;
  state.lastEnqueuedAtMs = landed.lastEnqueuedAtMs;
}

/** What can be said of a partition: nothing where the event before the next one wanted was not read by us. */
function checkpointOf(state: PartitionState): PartitionCheckpoint | undefined {
  const { plan, committed } = state;
  if (committed === undefined) return undefined;
  const sequenceNumber = committed - 1;
  const atEnd = sequenceNumber === plan.hubLastSequenceNumber ? plan.hubLastOffset : undefined;
  const offset = committed === 0 ? '-1' : (state.lastOffset ?? atEnd);
  return offset === undefined ? undefined : { partitionId: plan.partitionId, sequenceNumber, offset };
}
