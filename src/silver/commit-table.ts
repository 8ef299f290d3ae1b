import { commit, type Change, type Snapshot, type TableLocation } from '../delta/delta.ts';
import type { StageTools } from './silver.ts';

export type Landed = 'landed' | 'conflicted' | 'locked';

/** Commits under the lease of the run; a lost race is told, and logged. */
export async function commitTable(
  { clock, runId, log, fence }: Pick<StageTools, 'clock' | 'runId' | 'log' | 'fence'>,
  location: TableLocation,
  base: Snapshot,
  change: Change,
  signal: AbortSignal,
): Promise<Landed> {
  const result = await commit(location, base, { ...change, fence }, { clock, runId, log }, signal);
  if (result.kind === 'committed') return 'landed';
  log.warn('commit lost a race', { table: location.root, reason: result.reason });
  return result.reason === 'fenced' ? 'locked' : 'conflicted';
}
