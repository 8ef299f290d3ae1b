import type { Clock } from './clock.ts';
import { LIMITS } from './limits.ts';

export interface BackoffOptions {
  readonly attemptsMax: number;
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = {
  attemptsMax: LIMITS.retryAttemptsMax,
  firstDelayMs: LIMITS.retryFirstDelayMs,
  delayMsMax: LIMITS.retryDelayMsMax,
};

/** Full jitter: a random wait up to the doubled bound, so that writers that collided once do not collide again. */
export function backoffDelayMs(attempt: number, options: BackoffOptions, random: () => number): number {
  return Math.round(random() * Math.min(options.delayMsMax, options.firstDelayMs * 2 ** attempt));
}

/**
 * Runs the action until it gives a value or throws what is not worth another try.
 * `waitMs` may tell how long the service asked us to wait (Retry-After).
 */
export async function retry<T>(
  action: (attempt: number) => Promise<T>,
  isRetryable: (error: unknown) => boolean,
  clock: Clock,
  signal: AbortSignal,
  options: BackoffOptions & {
    random?: () => number;
    waitMs?: (error: unknown) => number | undefined;
  } = DEFAULT_BACKOFF,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await action(attempt);
    } catch (error) {
      if (signal.aborted || attempt + 1 >= options.attemptsMax || !isRetryable(error)) throw error;
      const asked = options.waitMs?.(error) ?? 0;
      const delayMs = Math.max(asked, backoffDelayMs(attempt, options, options.random ?? Math.random));
      await clock.sleep(Math.min(delayMs, options.delayMsMax), signal);
    }
  }
}
