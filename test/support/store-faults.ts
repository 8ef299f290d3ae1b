import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SluiceError } from '../../src/base/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/storage.ts';

/** What can befall a call to a store. */
export const FAULTS = [
  'reply lost',
  'late',
  '409',
  '412',
  '429',
  '500',
  '503',
  'reset',
  'torn',
  'slow',
  'lag',
] as const;
export type Fault = (typeof FAULTS)[number];

export const CALLS = ['read', 'put', 'putIfAbsent', 'list', 'delete', 'upload', 'download'] as const;
export type Call = (typeof CALLS)[number];

/** One try is given up after the first; what is slow takes less, what is late takes effect after it. */
export const FAULT_TIMES = { attemptMs: 200, slowMs: 40, lateMs: 300, retryAfterMs: 70 } as const;

/** A store, and a switch to break calls to it: by name, or the nth from now on. */
export interface BreakableStore {
  readonly store: ObjectStore;
  break(fault: Fault, which: Call | number, times: number): void;
  /** Mends it, once everything that was late has happened. True where the fault was met. */
  mend(): Promise<boolean>;
  /** Times of the calls since it was broken, in milliseconds. */
  readonly calledAtMs: readonly number[];
}

/** Decides for each call whether it is broken. */
export class FaultSwitch {
  calledAtMs: number[] = [];
  #fault: Fault | undefined;
  #which: Call | number = 0;
  #left = 0;
  #met = false;
  #late: Promise<unknown>[] = [];

  break(fault: Fault, which: Call | number, times: number): void {
    [this.#fault, this.#which, this.#left, this.#met, this.calledAtMs] = [fault, which, times, false, []];
  }

  next(names: readonly Call[]): Fault | undefined {
    const number = this.calledAtMs.push(performance.now()) - 1;
    const which = this.#which;
    const due = typeof which === 'number' ? number >= which : names.includes(which);
    if (this.#fault === undefined || !due || this.#left === 0) return undefined;
    this.#left--;
    this.#met = true;
    return this.#fault;
  }

  later(action: () => Promise<unknown>): Promise<unknown> {
    const late = delay(FAULT_TIMES.lateMs).then(action);
    this.#late.push(late.catch(() => undefined));
    return late;
  }

  async mend(): Promise<boolean> {
    this.#fault = undefined;
    await Promise.all(this.#late.splice(0));
    return this.#met;
  }
}

/** Breaks the calls of a store on this machine as a service would break them. */
export function breakable(inner: ObjectStore): BreakableStore {
  const faults = new FaultSwitch();
  const call = async <T>(name: Call, action: () => Promise<T>, torn: () => Promise<unknown>): Promise<T> => {
    const fault = faults.next([name]);
    if (fault === 'slow') await delay(FAULT_TIMES.slowMs);
    if (fault === undefined || fault === 'slow' || fault === 'lag') return action();
    if (fault === 'late') return faults.later(action) as Promise<T>;
    if (fault === 'reply lost') await action();
    if (fault === 'torn') await torn();
    throw failure(fault, inner.url);
  };
  const nothing = async (): Promise<void> => {};
  const store: ObjectStore = {
    ...inner,
    read: (path, signal) => call('read', () => inner.read(path, signal), nothing),
    put: (path, data, signal, metadata) =>
      call(
        'put',
        () => inner.put(path, data, unheeded, metadata),
        () => inner.put(path, half(data), signal, metadata),
      ),
    putIfAbsent: async (path, data, signal) => {
      signal.throwIfAborted();
      const action = () => inner.putIfAbsent(path, data, unheeded);
      try {
        return await call('putIfAbsent', action, nothing);
      } catch (error) {
        // A conditional put tells "taken" by these two, and here it is a lie.
        if (error instanceof SluiceError && ['409', '412'].includes(String(error.context['fault']))) return false;
        throw error;
      }
    },
    delete: (path) => call('delete', () => inner.delete(path, unheeded), nothing),
    upload: (path, localFile, signal) =>
      call(
        'upload',
        () => inner.upload(path, localFile, unheeded),
        async () => inner.put(path, half(await readFile(localFile)), signal),
      ),
    download: (path, localFile, signal) =>
      call(
        'download',
        () => inner.download(path, localFile, signal),
        () => writeFile(localFile, 'ha'),
      ),
    async *list(prefix, signal, options) {
      const found: ObjectInfo[] = [];
      const fault = faults.next(['list']);
      for await (const info of inner.list(prefix, signal, options)) found.push(info);
      if (fault === 'slow') await delay(FAULT_TIMES.slowMs);
      if (fault === 'late') await faults.later(nothing);
      if (fault === 'torn') yield* found.slice(0, found.length / 2);
      if (fault === 'lag') found.pop();
      if (fault !== undefined && !['slow', 'late', 'lag'].includes(fault)) throw failure(fault, inner.url);
      yield* found;
    },
  };
  return {
    store,
    break: (fault, which, times) => faults.break(fault, which, times),
    mend: () => faults.mend(),
    get calledAtMs() {
      return faults.calledAtMs;
    },
  };
}

/** What was sent off takes effect though nobody waits for it any more. */
const unheeded = new AbortController().signal;

function half(data: Uint8Array): Uint8Array {
  return data.subarray(0, Math.floor(data.byteLength / 2));
}

function failure(fault: Fault, url: string): SluiceError {
  const retryAfter = fault === '429' ? { retryAfterMs: FAULT_TIMES.retryAfterMs } : {};
  const context = { fault, endpoint: url, ...retryAfter };
  return new SluiceError('storage_unavailable', `${url}: ${fault}`, { context });
}
