import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { LENGTH_BYTES, valueAt } from '../base/byte-column.ts';
import { assert } from '../base/assert.ts';
import { isAbort } from '../base/errors.ts';
import { commit, ensureTable, writeFiles } from '../delta/delta.ts';
import type { Change, Conflict, DataFile, Snapshot, TransactionStep } from '../delta/delta.ts';
import { defineColumnSource, sqlFile } from '../duckdb/duckdb.ts';
import type { Database, HeldRows } from '../duckdb/duckdb.ts';
import type { EventBatch, PartitionCheckpoint } from '../eventhubs/eventhubs.ts';
import { ARRIVED_COLUMNS, bronzeRows } from './bronze-rows.ts';
import type { BronzeOptions, Gap } from './bronze.ts';
import type { Outlook } from './look-ahead.ts';
import type { PartitionState } from './partition-state.ts';
import { gapTransactionName, lossTransactionName, transactionName } from './plan.ts';
import type { StepClock } from './step-clock.ts';

const FLUSHED_EVENTS = sqlFile(new URL('flushed-events.sql', import.meta.url));
const FLUSH = sqlFile(new URL('flush.sql', import.meta.url));
const GAP_ROWS = sqlFile(new URL('gap-rows.sql', import.meta.url));

/** A partition and the number that it will want next once the flush has landed. */
export interface Target {
  readonly state: PartitionState;
  readonly next: number;
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
  private opened: Promise<{ database: Database; rows: HeldRows }> | undefined;

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
  }

  /**
   * Lands the events and the numbers of the targets in one commit, or says why nothing of it did. A partition never
   * seen before gets its number even without an event.
   */
  async flush(
    batches: readonly EventBatch[],
    targets: readonly Target[],
    signal: AbortSignal,
  ): Promise<Conflict | undefined> {
    const moved = targets.filter(({ state, next }) => next !== state.committed);
    if (moved.length === 0) {
      assert(batches.length === 0, 'events are committed with the number after them');
      return undefined;
    }
    const { table, gaps, fence } = this.options;
    // The gaps table first, so that a table of events is never without it.
    this.gaps ??= await ensureTable(gaps, gapsTable, { context: this.context() }, signal);
    this.table ??= await ensureTable(table, bronzeTable, { context: this.context() }, signal);
    const files = batches.length === 0 ? [] : await this.steps.time('write', () => this.write(batches, signal));
    const change: Change = {
      operation: 'WRITE',
      add: files,
      fence,
      transactions: moved.flatMap(({ state, next }) => [
        { appId: this.name(transactionName, state), expected: state.committed, next },
        this.lossSeen(state),
      ]),
    };
    const base = this.table;
    const result = await this.steps.time('commit', () => commit(table, base, change, this.context(), signal));
    this.table = result.snapshot;
    if (result.kind === 'conflicted') return result.reason;
    this.commits++;
    this.files += files.length;
    for (const file of files) this.bytesWritten += file.sizeBytes;
    for (const { state, next } of moved) state.committed = next;
    for (const batch of batches) countRows(batch, targets);
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
    const { database } = await this.open();
    await database.run(GAP_ROWS, {
      dataset,
      partition_id: Number(state.plan.partitionId),
      first_sequence_number: BigInt(gap.firstSequenceNumber),
      last_sequence_number: BigInt(gap.lastSequenceNumber),
      reason: gap.reason,
      found_at_us: BigInt(clock.nowMs()) * 1000n,
      run_id: runId,
    });
    const add = await writeFiles(database, location, gapsTable, 'found_gaps', scratch, signal);
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

  async close(): Promise<void> {
    const opened = await this.opened?.catch(() => undefined);
    opened?.database.close();
  }

  private async write(batches: readonly EventBatch[], signal: AbortSignal): Promise<DataFile[]> {
    const { table, clock, runId, scratch } = this.options;
    const { database, rows } = await this.open();
    const arrived = rows.hold(batches.map(bronzeRows));
    try {
      const ingestedAtUs = BigInt(clock.nowMs()) * 1000n;
      await database.run(FLUSH, { arrived, ingested_at_us: ingestedAtUs, run_id: runId });
      await database.run(FLUSHED_EVENTS);
      const options = { dictionaries: false };
      return await writeFiles(database, table, bronzeTable, 'flushed_events', scratch, signal, options);
    } finally {
      rows.release(arrived);
    }
  }

  private open(): Promise<{ database: Database; rows: HeldRows }> {
    this.opened ??= (async () => {
      const database = await (await this.options.openDatabase()).connect();
      return { database, rows: await defineColumnSource(database, 'arrived_events', ARRIVED_COLUMNS) };
    })();
    return this.opened;
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

function countRows(batch: EventBatch, targets: readonly Target[]): void {
  const state = targets.find((target) => target.state.plan.partitionId === batch.partitionId)?.state;
  assert(state !== undefined, `partition ${batch.partitionId} is one of the hub`);
  const last = batch.count - 1;
  state.rows += batch.count;
  state.bytes += (batch.bodies.ends[last] as number) - batch.count * LENGTH_BYTES;
  state.lastOffset = Buffer.from(valueAt(batch.offsets, last) ?? []).toString('utf8');
  state.lastEnqueuedAtMs = Number((batch.enqueuedAtUs[last] as bigint) / 1000n);
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
