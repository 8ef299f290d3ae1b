import type { GoldViewContract } from '../../schemas/contract.ts';
import type { ErrorCode } from '../base/errors.ts';
import { allOf } from '../base/side-by-side.ts';
import type { BronzeOutcome, RunOutcome } from '../bronze/bronze.ts';
import type { CommitContext, TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { GoldOutcome } from '../gold/gold.ts';
import type { SilverOutcome } from '../silver/silver.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { countingStore } from './counting-store.ts';
import { expectationOf } from './expectation.ts';
import { readGoldDay } from './gold-day.ts';
import { receiptsOf } from './history.ts';
import { makeReceipt } from './make-receipt.ts';
import { receiptAsText } from './receipt-text.ts';
import { appendRun, type RunsTarget } from './runs.ts';

/**
 * The receipt: one object that says what a run did, printed for a terminal, as JSON, and as a page that needs nothing
 * but itself. It is written after all commits: a run that dies before has done its work and only leaves no receipt.
 */
export interface Receipt {
  readonly runId: string;
  readonly command: string;
  /** The layer that the run went up to. */
  readonly to: string;
  readonly outcome: RunOutcome;
  readonly exitCode: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** The budget that the peak has to stay below. */
  readonly memoryBytesMax: number;
  readonly lake: string;
  readonly timeZone: string;
  readonly hubs: readonly HubReceipt[];
  readonly silver: readonly SilverReceipt[];
  readonly gold: readonly GoldReceipt[];
  readonly steps: readonly StepReceipt[];
  readonly storageCalls: StorageCalls;
  readonly cost: CostEstimate;
  readonly warnings: readonly string[];
  readonly errors: readonly ErrorReceipt[];
  readonly charts: readonly GoldDayChart[];
}

export interface HubReceipt {
  readonly dataset: string;
  readonly hub: string;
  readonly outcome: RunOutcome;
  readonly partitions: readonly PartitionReceipt[];
  readonly files: number;
  readonly bytesWritten: number;
  readonly commits: number;
}

export interface PartitionReceipt {
  readonly partitionId: string;
  /** The frozen range, inclusive; an empty one has first = last + 1. */
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  readonly rows: number;
  readonly gapRows: number;
  readonly bytes: number;
  readonly lagBefore: number;
  readonly lagAfter: number;
  readonly outcome: RunOutcome;
}

export type SilverReceipt = { readonly table: string } & Pick<
  SilverOutcome,
  'outcome' | 'rowsIn' | 'accepted' | 'written' | 'superseded' | 'rejected' | 'unknownFields' | 'daysRewritten'
>;

export type GoldReceipt = { readonly table: string } & Pick<
  GoldOutcome,
  'outcome' | 'rowsIn' | 'rowsWritten' | 'daysRewritten'
>;

/** CPU of the whole process while the step went on: of steps side by side each counts the other's too. */
export interface StepReceipt {
  readonly step: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export type StorageCalls = Readonly<Record<'reads' | 'writes' | 'lists' | 'deletes', number>>;

/** USD at list prices, before any free grant. */
export interface CostEstimate {
  readonly estimate: true;
  readonly totalUsd: number;
  readonly computeUsd: number;
  readonly storageCallsUsd: number;
  readonly formula: string;
}

export interface ErrorReceipt {
  readonly code: ErrorCode;
  readonly exitCode: number;
  readonly retryable: boolean;
  readonly message: string;
}

/** One measure of one gold day, the greatest first. */
export interface GoldDayChart {
  readonly view: string;
  readonly title: string;
  readonly day: string;
  readonly label: string;
  readonly measure: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
}

/** What a run knows of itself when it ends. */
export interface RunFacts {
  readonly runId: string;
  readonly command: string;
  readonly to: string;
  readonly outcome: RunOutcome;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly memoryBytesMax: number;
  readonly lake: string;
  readonly timeZone: string;
  readonly bronze: readonly BronzeOutcome[];
  readonly silver: readonly SilverOutcome[];
  readonly gold: readonly GoldOutcome[];
  readonly steps: readonly StepReceipt[];
  readonly storageCalls: StorageCalls;
  readonly errors: readonly unknown[];
  readonly charts: readonly GoldDayChart[];
}

/** The receipt of a run; its exit code is the first of 70, 5, 3, 4, 2 that occurred. */
export function receiptOf(facts: RunFacts): Receipt {
  return makeReceipt(facts);
}

/** For a terminal, `width` columns wide. */
export function receiptText(receipt: Receipt): string {
  return receiptAsText(receipt);
}

/** The page: no script, no external resource. Loads the template engine. */
export async function receiptPage(receipt: Receipt): Promise<string> {
  const { renderPage } = await import('./receipt-page.ts');
  return renderPage(receipt);
}

/** Writes `_sluice/reports/<run_id>.html|.json`; returns the page's path in the store. */
export async function writeReport(store: ObjectStore, receipt: Receipt, signal: AbortSignal): Promise<string> {
  const encoder = new TextEncoder();
  const path = `_sluice/reports/${receipt.runId}`;
  const document = store.put(`${path}.json`, encoder.encode(`${JSON.stringify(receipt, null, 2)}\n`), signal);
  const page = async (): Promise<void> => store.put(`${path}.html`, encoder.encode(await receiptPage(receipt)), signal);
  await allOf([document, page()]);
  return `${path}.html`;
}

/** Appends the run to `_sluice/runs`, one row a partition. */
export function appendRuns(
  receipt: Receipt,
  target: RunsTarget,
  context: CommitContext,
  signal: AbortSignal,
): Promise<void> {
  return appendRun(receipt, target, context, signal);
}

/** The charts that a view asks for, of its latest day among those given; none where the day has no rows. */
export function goldDayCharts(
  database: Database,
  view: GoldViewContract,
  table: TableLocation,
  days: readonly string[],
  scratch: Scratch,
  signal: AbortSignal,
): Promise<GoldDayChart[]> {
  return readGoldDay(database, view, table, days, scratch, signal);
}

/** The store, and how many calls went through it. */
export function countCalls(store: ObjectStore): { readonly store: ObjectStore; readonly calls: () => StorageCalls } {
  return countingStore(store);
}

/** The newest receipts of the lake's runs, newest first; what cannot be read is left out. */
export function readReceipts(store: ObjectStore, signal: AbortSignal): Promise<Receipt[]> {
  return receiptsOf(store, signal);
}

/** What the next run would have to do. */
export interface ExpectedWork {
  /** Waiting in the hubs. */
  readonly events: number;
  /** Bronze rows that silver has not judged. */
  readonly rowsForSilver: number;
  /** Rows of silver's files that gold has not compared. */
  readonly rowsForGold: number;
}

/** An estimate from the lake's own runs, or from named defaults where there was none. */
export interface Expectation {
  readonly seconds: number;
  readonly secondsAnEvent: number;
  readonly cost: CostEstimate;
  readonly basis: 'history' | 'defaults';
  /** Runs that it was made from. */
  readonly runs: number;
}

export function expectRun(history: readonly Receipt[], work: ExpectedWork): Expectation {
  return expectationOf(history, work);
}

/** Counts, sizes, seconds and dollars as the receipt prints them. */
export { formatCount, formatSeconds, formatSize, formatUsd } from './numbers.ts';
