import { backoffDelayMs, DEFAULT_BACKOFF } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { isAbort, SluiceError } from '../base/errors.ts';
import type { ObjectStore } from './storage.ts';
import { askedWaitMs, isTransient } from './transient.ts';

const limits = {
  /** Tries of one put; before each but the first the object is looked for. */
  attemptsMax: DEFAULT_BACKOFF.attemptsMax,
  /** From the first try on, with all waits: by then the caller is told. */
  settleMsMax: 180_000,
  /** A service that asks for a longer wait than this is told of instead. */
  askedWaitMsMax: 60_000,
} as const;

export interface PutOnceContext {
  readonly clock: Clock;
  readonly random?: () => number;
}

/** See the door. */
export async function putOnce(
  store: ObjectStore,
  path: string,
  data: Uint8Array,
  context: PutOnceContext,
  signal: AbortSignal,
): Promise<'won' | 'taken'> {
  const random = context.random ?? Math.random;
  const startMs = context.clock.nowMs();
  for (let attempt = 0; ; attempt++) {
    let failure: unknown;
    try {
      if (await store.putIfAbsent(path, data, signal)) return 'won';
    } catch (error) {
      if (isAbort(error) || !(error instanceof SluiceError)) throw error;
      failure = error;
    }
    // Both an error and "taken" may stand for our own bytes: a client or a proxy repeats what got no reply.
    const owner = await ownerOf(store, path, data, failure !== undefined, signal);
    if (owner !== undefined) return owner;
    const waitMs = Math.max(askedWaitMs(failure) ?? 0, backoffDelayMs(attempt, DEFAULT_BACKOFF, random));
    const late = context.clock.nowMs() + waitMs - startMs > limits.settleMsMax || waitMs > limits.askedWaitMsMax;
    const hopeless = failure !== undefined && !isTransient(failure);
    if (hopeless || late || attempt + 1 >= limits.attemptsMax) throw failure ?? contradiction(store, path);
    await context.clock.sleep(waitMs, signal);
  }
}

/** Undefined where nothing is there; also, after a failed put, where that cannot be seen now. */
async function ownerOf(
  store: ObjectStore,
  path: string,
  data: Uint8Array,
  afterFailure: boolean,
  signal: AbortSignal,
): Promise<'won' | 'taken' | undefined> {
  try {
    const found = await store.read(path, signal);
    if (found === undefined) return undefined;
    return Buffer.compare(found, data) === 0 ? 'won' : 'taken';
  } catch (error) {
    if (isAbort(error) || !isTransient(error) || !afterFailure) throw error;
    return undefined;
  }
}

function contradiction(store: ObjectStore, path: string): SluiceError {
  const message = `${store.url} says again and again that ${path} is taken, but has no such object`;
  return new SluiceError('storage_unavailable', message, { context: { path, endpoint: store.url } });
}
