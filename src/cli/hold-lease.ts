import { isAbort } from '../base/errors.ts';
import { takeLease, type Lease, type LeaseOptions, type LeaseResult } from '../storage/lease.ts';
import type { ObjectStore } from '../storage/storage.ts';
import type { Configuration } from './configuration.ts';
import type { Lake } from './lake.ts';
import { runStops, type RunStops } from './run-stops.ts';

/** The lease where we have it, and what tells the work to come to an end. */
export interface HeldLease {
  /** Undefined: another run works on the lake, or we were stopped while we waited. */
  readonly lease: Lease | undefined;
  /** A lost lease is a soft stop like others. */
  readonly stops: RunStops;
  readonly isLocked: () => boolean;
}

export type TakeLease = (store: ObjectStore, options: LeaseOptions, signal: AbortSignal) => Promise<LeaseResult>;

/** Takes the lease of the lake for a command, or says that another has it. */
export async function holdLease(
  lake: Lake,
  command: string,
  configuration: Pick<Configuration, 'leaseMs'>,
  stop: { readonly soft: AbortSignal; readonly hard: AbortSignal },
  take: TakeLease = takeLease,
): Promise<HeldLease> {
  const { runId, clock, log, store } = lake;
  const { soft, hard } = stop;
  try {
    const result = await take(store, { runId, command, durationMs: configuration.leaseMs, clock, log }, soft);
    if (result.kind === 'held') {
      const { lease } = result;
      const stops = runStops(AbortSignal.any([soft, lease.lost]), hard);
      return { lease, stops, isLocked: () => lease.lost.aborted };
    }
    const { runId: holder, command: theirs, host, pid } = result.holder;
    log.info('another run works on the lake: nothing done', { holder, command: theirs, host, pid });
    return { lease: undefined, stops: runStops(soft, hard), isLocked: () => true };
  } catch (error) {
    if (!soft.aborted || !isAbort(error)) throw error;
    return { lease: undefined, stops: runStops(soft, hard), isLocked: () => false };
  }
}
