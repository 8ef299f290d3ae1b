import { backoffDelayMs, DEFAULT_BACKOFF } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { isBusy, translateClientError } from './client-errors.ts';
import type { Situation } from './client-errors.ts';

export interface RetryTools {
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
}

/**
 * Waits before another try of a receiver that broke off, longer where the service is busy; or throws what no other try
 * mends. `failures` counts those since the last event, this one included.
 */
export async function beforeAnotherTry(
  error: unknown,
  failures: number,
  situation: Situation,
  { clock, log, random }: RetryTools,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const found = translateClientError(error, situation);
  const retryable = found instanceof SluiceError && found.retryable && found.code !== 'receiver_stalled';
  if (!retryable || failures >= DEFAULT_BACKOFF.attemptsMax) throw found;
  const least = isBusy(error) ? LIMITS.eventHubsBusyMs : 0;
  const delayMs = Math.max(least, backoffDelayMs(failures, DEFAULT_BACKOFF, random ?? Math.random));
  const { hub, partitionId } = situation;
  log.warn('receiver broke off, trying again', {
    hub,
    ...(partitionId !== undefined && { partitionId }),
    delayMs,
    reason: found.message,
  });
  await clock.sleep(delayMs, signal);
}
