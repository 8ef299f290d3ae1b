import { isAbort } from '../base/errors.ts';
import { takeLease, type Lease } from '../storage/lease.ts';
import type { Configuration } from './configuration.ts';
import type { Lake } from './lake.ts';
import type { Terminal } from './terminal.ts';

/** The lease where we have it, and what tells the work to come to an end. */
export interface HeldLease {
  /** Undefined: another run works on the lake, or we were stopped while we waited. */
  readonly lease: Lease | undefined;
  /** By signal, by time budget, or because the lease is lost: what is read is committed, nothing new begun. */
  readonly softStop: AbortSignal;
  readonly isLocked: () => boolean;
}

/** Takes the lease of the lake for a command, or says that another has it. */
export async function holdLease(
  lake: Lake,
  command: string,
  configuration: Pick<Configuration, 'leaseMs'>,
  { timeBudget }: { readonly timeBudget?: number },
  terminal: Terminal,
): Promise<HeldLease> {
  const { runId, clock, log, store } = lake;
  const stops = [terminal.stop.soft];
  if (timeBudget !== undefined) stops.push(AbortSignal.timeout(timeBudget));
  const stop = AbortSignal.any(stops);
  try {
    const result = await takeLease(store, { runId, command, durationMs: configuration.leaseMs, clock, log }, stop);
    if (result.kind === 'held') {
      const { lease } = result;
      return { lease, softStop: AbortSignal.any([stop, lease.lost]), isLocked: () => lease.lost.aborted };
    }
    const { runId: holder, command: theirs, host, pid } = result.holder;
    log.info('another run works on the lake: nothing done', { holder, command: theirs, host, pid });
    return { lease: undefined, softStop: stop, isLocked: () => true };
  } catch (error) {
    if (!stop.aborted || !(isAbort(error) || error === stop.reason)) throw error;
    return { lease: undefined, softStop: stop, isLocked: () => false };
  }
}
