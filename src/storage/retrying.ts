import { backoffDelayMs, DEFAULT_BACKOFF } from '../base/backoff.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from './storage.ts';
import { askedWaitMs, isTransient } from './transient.ts';

export interface RetryLimits {
  /** Tries of one call. */
  readonly attemptsMax: number;
  /** One try of a call that moves a small object, or a page of a listing. */
  readonly requestMsMax: number;
  /** One try of moving a file, whose size nobody bounds: an adapter sees earlier that nothing moves. */
  readonly transferMsMax: number;
  /** No further try begins after this long. */
  readonly callMsMax: number;
  /** A service that asks for a longer wait than this is told of instead. */
  readonly askedWaitMsMax: number;
}

export const RETRY_LIMITS: RetryLimits = {
  attemptsMax: DEFAULT_BACKOFF.attemptsMax,
  requestMsMax: 60_000,
  transferMsMax: 600_000,
  callMsMax: 120_000,
  askedWaitMsMax: 60_000,
};

export interface RetryOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly limits?: Partial<RetryLimits>;
}

/**
 * The store with each call tried again where it failed for a moment, within named limits and not before the time that
 * the service asked for. All calls but one may be repeated, since what they do is the same the second time; a
 * put-if-absent is tried once, and settled by `putOnce`. A call that never answers ends as `storage_unavailable`.
 */
export function withRetries(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  const run = runner(store, { clock: systemClock, random: Math.random, ...options });
  const { requestMsMax, transferMsMax } = { ...RETRY_LIMITS, ...options.limits };

  return {
    url: store.url,
    read: (path, signal) => run(path, signal, requestMsMax, (within) => store.read(path, within)),
    put: (path, data, signal, metadata) =>
      run(path, signal, requestMsMax, (within) => store.put(path, data, within, metadata)),
    putIfAbsent: (path, data, signal) =>
      run.once(path, signal, requestMsMax, (within) => store.putIfAbsent(path, data, within)),
    list: (prefix, signal, listOptions) => list(run, store, prefix, signal, listOptions ?? {}, requestMsMax),
    delete: (path, signal) => run(path, signal, requestMsMax, (within) => store.delete(path, within)),
    upload: (path, localFile, signal) =>
      run(path, signal, transferMsMax, (within) => store.upload(path, localFile, within)),
    download: (path, localFile, signal) =>
      run(path, signal, transferMsMax, (within) => store.download(path, localFile, within)),
    localPath: (path) => store.localPath(path),
  };
}

type Action<T> = (within: AbortSignal) => Promise<T>;

interface Runner {
  <T>(path: string, signal: AbortSignal, attemptMsMax: number, action: Action<T>): Promise<T>;
  once<T>(path: string, signal: AbortSignal, attemptMsMax: number, action: Action<T>): Promise<T>;
}

function runner(store: ObjectStore, options: RetryOptions & { readonly clock: Clock; readonly random: () => number }) {
  const { clock, random } = options;
  const limits = { ...RETRY_LIMITS, ...options.limits };
  const once: Runner['once'] = (path, signal, attemptMsMax, action) =>
    limited(store, path, signal, attemptMsMax, clock, action);
  const run = async <T>(path: string, signal: AbortSignal, attemptMsMax: number, action: Action<T>): Promise<T> => {
    const startMs = clock.nowMs();
    for (let attempt = 0; ; attempt++) {
      try {
        return await once(path, signal, attemptMsMax, action);
      } catch (error) {
        if (signal.aborted || !isTransient(error)) throw error;
        const waitMs = Math.max(askedWaitMs(error) ?? 0, backoffDelayMs(attempt, DEFAULT_BACKOFF, random));
        const late = clock.nowMs() + waitMs - startMs > limits.callMsMax || waitMs > limits.askedWaitMsMax;
        if (late || attempt + 1 >= limits.attemptsMax) throw givenUp(error as SluiceError, attempt + 1);
        await clock.sleep(waitMs, signal);
      }
    }
  };
  return Object.assign(run, { once }) satisfies Runner;
}

/** Ends at the limit also where the action heeds no signal: what it does later then, it does late. */
async function limited<T>(
  store: ObjectStore,
  path: string,
  signal: AbortSignal,
  attemptMsMax: number,
  clock: Clock,
  action: Action<T>,
): Promise<T> {
  signal.throwIfAborted();
  // By hand: `AbortSignal.any` would cost more than most of the calls to a folder.
  const [ended, within] = [new AbortController(), new AbortController()];
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: unknown): void => {
    reject(reason);
    within.abort(reason);
  };
  const abort = (): void => stop(signal.reason);
  signal.addEventListener('abort', abort);
  const expire = (): void => {
    const context = { path, endpoint: store.url, limitMs: attemptMsMax };
    const message = `${store.url} gave no answer for ${path} within ${attemptMsMax} ms`;
    stop(new SluiceError('storage_unavailable', message, { context }));
  };
  clock.sleep(attemptMsMax, ended.signal).then(expire, () => undefined);
  let work: Promise<T> | undefined;
  try {
    work = action(within.signal);
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', abort);
    ended.abort();
    // Told by the race above; whichever lost it may fail later, when nobody waits for it.
    for (const promise of [work, stopped]) promise?.catch(() => undefined);
  }
}

/** Goes on after the last object that was told, so that none comes twice. */
async function* list(
  run: Runner,
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
  options: ListOptions,
  requestMsMax: number,
): AsyncGenerator<ObjectInfo> {
  let after = options.after;
  let open: AsyncIterator<ObjectInfo> | undefined;
  for (;;) {
    const { listing, next } = await run(prefix, signal, requestMsMax, async () => {
      const position = after === undefined ? {} : { after };
      const found = open ?? store.list(prefix, signal, { ...options, ...position })[Symbol.asyncIterator]();
      // Only a listing that answered in time is read on: the next try must not share one with this.
      open = undefined;
      return { listing: found, next: await found.next() };
    });
    if (next.done === true) return;
    open = listing;
    after = next.value.path;
    yield next.value;
  }
}

function givenUp(error: SluiceError, attempts: number): SluiceError {
  const tries = attempts === 1 ? '' : ` (${attempts} tries)`;
  return new SluiceError(error.code, error.message + tries, { context: { ...error.context, attempts }, cause: error });
}
