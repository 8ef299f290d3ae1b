import { SluiceError } from '../base/errors.ts';

/** True where the same call may succeed a moment later: no answer, too busy, a broken connection. */
export function isTransient(error: unknown): boolean {
  return error instanceof SluiceError && error.retryable && error.context['transient'] !== false;
}

/** How long the service asked us to wait (Retry-After); undefined where it did not. */
export function askedWaitMs(error: unknown): number | undefined {
  const asked = error instanceof SluiceError ? error.context['retryAfterMs'] : undefined;
  return typeof asked === 'number' ? asked : undefined;
}
