import type { GoldViewContract, TableContract } from '../../schemas/contract.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { MemoryShares } from '../base/memory-shares.ts';
import type { TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { pendingOf } from './pending.ts';
import { runView } from './run-view.ts';

/**
 * Gold: only the days touched (domain section 4).
 *
 * Protocol: the snapshots of the view's sources are pinned; what changed in each since the version in the view's own
 * `txn` is told by comparing the rows of the files removed and added; the changed rows, old and new, touch days; the
 * model is run over these in slices of days; they are replaced in one commit that moves the `txn` of every source. A
 * day is a pure function of the pinned snapshots, so doing one twice is harmless.
 */
export interface GoldOptions {
  readonly view: GoldViewContract;
  /** A table that the view reads. Where it does not exist yet it is taken as empty. */
  readonly tables: (name: string) => { readonly location: TableLocation; readonly contract: TableContract };
  readonly gold: TableLocation;
  /** Called only where there is work. The caller closes it. */
  readonly openDatabase: () => Promise<Database>;
  readonly scratch: Scratch;
  /** Number of the lease this run holds. */
  readonly fence: number;
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Days to compute anew whether touched or not; 'all': every day, and what changed is not asked. */
  readonly rebuild?: 'all' | readonly string[];
  /** Days computed in one query. */
  readonly sliceDaysMax?: number;
  /** Shared with the views that run side by side with this one; without it, the memory is this one's alone. */
  readonly memory?: MemoryShares;
}

export interface GoldOutcome {
  readonly view: string;
  readonly outcome: 'complete' | 'empty' | 'locked';
  /** Source rows that changed since the last run, old and new versions. */
  readonly rowsIn: number;
  /** The touched days that have rows now or had some, in order. */
  readonly daysRewritten: readonly string[];
  readonly rowsWritten: number;
  readonly filesRewritten: number;
  readonly stepSeconds: Readonly<Record<'compare' | 'model' | 'write' | 'commit', number>>;
}

/**
 * Brings the view up to its sources as they are now, creating its table where it is not there. A lost fence is an
 * outcome. Throws `audit_failed`, and `table_conflict` where other writers keep winning.
 */
export function buildGold(options: GoldOptions, signal: AbortSignal): Promise<GoldOutcome> {
  return runView(options, signal);
}

export { sourceAppId } from './pinned-sources.ts';

/** What changed in the view's sources since it was built. */
export interface GoldPending {
  /** Tables of which files came or went. */
  readonly sources: readonly string[];
  readonly files: number;
  /** Rows of these files: those that changed are among them. */
  readonly rows: number;
}

/** Reads logs alone and changes nothing. */
export function pendingGold(
  options: Pick<GoldOptions, 'view' | 'tables' | 'gold'>,
  signal: AbortSignal,
): Promise<GoldPending> {
  return pendingOf(options, signal);
}
