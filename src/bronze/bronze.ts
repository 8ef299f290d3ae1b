import type { Clock } from '../base/clock.ts';
import type { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Conflict, TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { CheckpointStore, EventSource } from '../eventhubs/eventhubs.ts';
import type { Scratch } from '../storage/scratch.ts';
import { adoptInto } from './adopt.ts';
import { ingestHub } from './ingest.ts';
import { lookAhead } from './look-ahead.ts';
import { replayInto } from './replay-range.ts';

/**
 * Bronze: trigger once, exactly once. A run freezes the ends of a hub's partitions, reads up to them, writes Parquet,
 * commits it together with the next sequence numbers wanted (compare-and-swap), and then moves the checkpoints.
 * A crash leaves at worst a file that nobody refers to; two runs at once cost work, never data. What expired before it
 * was read is a gap: recorded in the gaps table or fatal to its partition, as asked. One partition stops no other.
 */
export interface BronzeOptions {
  /** Name of the dataset and its table; the hub's own name is the source's. */
  readonly dataset: string;
  readonly source: EventSource;
  readonly table: TableLocation;
  readonly gaps: TableLocation;
  readonly checkpoints: CheckpointStore;
  readonly scratch: Scratch;
  readonly consumerGroup: string;
  /** Number of the lease: the epoch of the receivers, and in every commit. At least 1. */
  readonly fence: number;
  readonly start: 'earliest' | 'latest';
  readonly onLoss: 'fail' | 'record';
  /** Bytes of events that this hub may hold at any time, wherever they are. */
  readonly bytesMax: number;
  /** A file is committed once the events in it took so many bytes of memory, or one buffer more. */
  readonly fileBytesMax: number;
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted by the first signal: what is read is committed, and the outcome is `stopped`. */
  readonly softStop: AbortSignal;
}

/** A range of sequence numbers without events, both ends inclusive. */
export interface Gap {
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  /** expired: no longer retained when the run began. skipped: the hub went over them while it was read. */
  readonly reason: 'expired' | 'skipped';
}

/** What a run would do: data, to be printed or carried out. */
export interface BronzePlan {
  readonly dataset: string;
  readonly hub: string;
  readonly createdAtMs: number;
  readonly partitions: readonly PartitionPlan[];
  readonly warnings: readonly string[];
}

export interface PartitionPlan {
  readonly partitionId: string;
  /** Next sequence number wanted as the table has it; undefined: never read. */
  readonly committed: number | undefined;
  /** First number of the frozen range, a gap included. */
  readonly begin: number;
  /** First number to be read. Greater than the last where nothing is. */
  readonly firstSequenceNumber: number;
  /** Frozen end. */
  readonly lastSequenceNumber: number;
  /** Lost, and not recorded yet. */
  readonly gap: Gap | undefined;
  /** Version of the partition's transaction in the gaps table. */
  readonly recordedGapBelow: number | undefined;
  readonly lastEnqueuedAtMs: number | undefined;
  readonly hubLastSequenceNumber: number;
  readonly hubLastOffset: string;
}

export interface PartitionOutcome {
  readonly partitionId: string;
  /** The frozen range; an empty one has first = last + 1. */
  readonly first: number;
  readonly last: number;
  readonly rows: number;
  /** Sequence numbers recorded as lost. */
  readonly gapRows: number;
  /** Bytes of the bodies committed. */
  readonly bytes: number;
  /** Events waiting, up to the frozen end. */
  readonly lagBefore: number;
  readonly lagAfter: number;
  readonly outcome: RunOutcome;
  readonly lastEnqueuedAtMs: number | undefined;
}

export type RunOutcome = 'complete' | 'empty' | 'stopped' | 'locked' | 'failed';

export interface BronzeOutcome {
  readonly dataset: string;
  readonly hub: string;
  readonly partitions: readonly PartitionOutcome[];
  readonly outcome: RunOutcome;
  readonly errors: readonly SluiceError[];
  readonly warnings: readonly string[];
  readonly files: number;
  /** Bytes of the Parquet files. */
  readonly bytesWritten: number;
  readonly commits: number;
  readonly stepSeconds: Readonly<Record<BronzeStep, number>>;
}

/** Writing and committing go on beside receiving, which lasts from the first event to the last. */
export type BronzeStep = 'plan' | 'receive' | 'write' | 'commit' | 'checkpoint';

export type PlanOptions = Pick<
  BronzeOptions,
  'dataset' | 'source' | 'table' | 'gaps' | 'checkpoints' | 'start' | 'clock'
>;

/** Reads no event and changes nothing. Throws `hub_recreated`, `hub_not_found` and what the services refuse. */
export async function planBronze(options: PlanOptions, signal: AbortSignal): Promise<BronzePlan> {
  return (await lookAhead(options, signal)).plan;
}

/** Carries out a plan made now. Failures are in the outcome; only an abort of `signal` is thrown. */
export function ingestBronze(options: BronzeOptions, signal: AbortSignal): Promise<BronzeOutcome> {
  return ingestHub(options, signal);
}

export type AdoptOptions = Pick<BronzeOptions, 'table' | 'gaps' | 'fence' | 'runId' | 'clock' | 'log'>;

/** Where partitions that were never read are to begin: at the next sequence number that their last reader wanted. */
export interface Adoption {
  readonly dataset: string;
  readonly createdAtMs: number;
  /** By partition. */
  readonly next: ReadonlyMap<string, number>;
}

/**
 * Commits the numbers without a row, for all partitions or none. A conflict: a partition was read meanwhile, or the
 * lease was lost; then nothing changed.
 */
export function adoptPositions(
  options: AdoptOptions,
  adoption: Adoption,
  signal: AbortSignal,
): Promise<Conflict | undefined> {
  return adoptInto(options, adoption, signal);
}

export interface RangeOptions {
  readonly dataset: string;
  readonly source: EventSource;
  readonly table: TableLocation;
  readonly gaps: TableLocation;
  readonly openDatabase: () => Promise<Database>;
  readonly scratch: Scratch;
  readonly consumerGroup: string;
  /** Number of the lease: the epoch of the receiver, and in every commit. */
  readonly fence: number;
  /** Bytes of events held at any time. */
  readonly bytesMax: number;
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly softStop: AbortSignal;
  readonly partitionId: string;
  /** Sequence numbers, both ends inclusive. */
  readonly range: { readonly first: number; readonly last: number };
}

export interface RangeOutcome {
  readonly outcome: 'complete' | 'empty' | 'stopped' | 'locked';
  /** Numbers of the range that bronze lacked: lost ones and holes. */
  readonly missing: number;
  /** Of these, events that the hub still had. */
  readonly found: number;
  /** Numbers taken out of the gaps table. */
  readonly corrected: number;
}

/**
 * Reads a range again and adds what bronze lacks of it: numbers that the gaps table calls lost, and holes, below the
 * next number wanted. Rows first, then the gaps lose the numbers found: in between a number may be in both tables,
 * never in neither, and a second call ends it. Rows that were there are left out, so that none is ever there twice;
 * those added stand after later ones. Throws `hub_recreated`, and what the services refuse.
 */
export function replayRange(options: RangeOptions, signal: AbortSignal): Promise<RangeOutcome> {
  return replayInto(options, signal);
}
