import type { Pipeline } from '../../schemas/contract.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import * as comparing from './run-comparison.ts';
import type { TableDifference } from './diff.ts';
import type { Variables } from './environment.ts';

/**
 * The engine beside the Databricks reference (deploy/databricks), on the same events.
 *
 * Protocol: a seeded hostile stream is sent to a local hub; the engine drains it in two runs, cut in the middle, as a
 * process of its own; the reference's notebooks run on real PySpark over the hub, a recording of it, or the engine's
 * bronze; then every table of both is compared: shape, keys, and every column.
 */
export interface ComparisonOptions {
  readonly events: number;
  readonly seed: number;
  readonly source: ComparisonSource;
  /** Emptied first, and left with both lakes and the page. */
  readonly folder: string;
  /** Where the Python environment and the jars are kept. */
  readonly cacheFolder: string;
  /** The environment of the child processes. */
  readonly variables: Variables;
  readonly pipeline: Pipeline;
  readonly timeZone: string;
  readonly parts: ComparisonParts;
  readonly log: Log;
}

export type ComparisonSource = 'files' | 'eventhubs' | 'bronze';

/** What the comparison takes of the command line's room. */
export interface ComparisonParts {
  readonly database: Database;
  readonly scratch: Scratch;
  /** The launcher of `sluice`, for the engine's runs. */
  readonly launcher: string;
  /** Starts a local hub; with TLS it listens on 5671, the only port that Spark's connector knows. */
  readonly startHub: (folder: string, tls: boolean) => Promise<RunningHub>;
}

export interface RunningHub {
  readonly connectionString: string;
  stop(): Promise<void>;
}

export interface Comparison {
  readonly events: number;
  readonly seed: number;
  readonly source: ComparisonSource;
  /** No difference but those that DIFFERENCES.md names. */
  readonly same: boolean;
  readonly tables: readonly TableDifference[];
  /** The page with examples. */
  readonly page: string;
  /** Wall clock: of the engine's two runs, and of the reference's notebooks. */
  readonly seconds: { readonly engine: number; readonly reference: ReadonlyMap<string, number> };
}

/** Throws `configuration` where Python, Java or Maven is missing, `internal` where a run of either side fails. */
export function compare(options: ComparisonOptions, signal: AbortSignal): Promise<Comparison> {
  return comparing.runComparison(options, signal);
}

/** Two lakes that are there already. */
export function compareLakes(
  lakes: comparing.Lakes,
  options: Pick<ComparisonOptions, 'pipeline' | 'source'> & {
    readonly parts: Pick<ComparisonParts, 'database' | 'scratch'>;
  },
  signal: AbortSignal,
): Promise<TableDifference[]> {
  return comparing.compareLakes(lakes, options, signal);
}

export { isSame, type TableDifference } from './diff.ts';
