import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import { SluiceError } from '../../../src/base/errors.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { RETRY_LIMITS, withRetries } from '../../../src/storage/retrying.ts';
import { putOnce, type ObjectStore } from '../../../src/storage/storage.ts';

const signal = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const busy = (context = {}): SluiceError =>
  new SluiceError('storage_unavailable', 'https://lake:443 is busy', { context });

/** Sleeps take no time but are counted; the limit of a try (which races with the try) never ends. */
function countingClock(): Clock & { readonly waitsMs: number[] } {
  let nowMs = 0;
  const waitsMs: number[] = [];
  return {
    waitsMs,
    nowMs: () => nowMs,
    async sleep(durationMs, stop) {
      const limits: number[] = [RETRY_LIMITS.requestMsMax, RETRY_LIMITS.transferMsMax];
      if (limits.includes(durationMs)) return systemClock.sleep(durationMs, stop);
      waitsMs.push(durationMs);
      nowMs += durationMs;
    },
  };
}

function failing(failures: Error[]): { store: ObjectStore; tries: () => number } {
  const inner = openMemory();
  let tries = 0;
  const store: ObjectStore = {
    ...inner,
    async put(...call) {
      tries++;
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return inner.put(...call);
    },
  };
  return { store, tries: () => tries };
}

describe('a store with retries', () => {
  test('waits as long as the service asked, also beyond the usual back-off', async () => {
    const clock = countingClock();
    const { store } = failing([busy({ retryAfterMs: 30_000 })]);
    await withRetries(store, { clock }).put('x', bytes('1'), signal);
    expect(clock.waitsMs).toEqual([30_000]);
  });

  test('tells at once of a service that asks for a wait beyond the limit', async () => {
    const clock = countingClock();
    const { store, tries } = failing([busy({ retryAfterMs: RETRY_LIMITS.askedWaitMsMax + 1 })]);
    await expect(withRetries(store, { clock }).put('x', bytes('1'), signal)).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    expect([tries(), clock.waitsMs]).toEqual([1, []]);
  });

  test('gives up after its tries, with the endpoint and the count in the message', async () => {
    const { store, tries } = failing(Array.from({ length: 9 }, () => busy()));
    const put = withRetries(store, { clock: countingClock() }).put('x', bytes('1'), signal);
    await expect(put).rejects.toMatchObject({ message: 'https://lake:443 is busy (5 tries)' });
    expect(tries()).toBe(RETRY_LIMITS.attemptsMax);
  });

  test('begins no try after its time, however few there were', async () => {
    const asked = busy({ retryAfterMs: 59_000 });
    const { store, tries } = failing([asked, asked, asked, asked]);
    await expect(withRetries(store, { clock: countingClock() }).put('x', bytes('1'), signal)).rejects.toThrow(
      '3 tries',
    );
    expect(tries()).toBe(1 + Math.floor(RETRY_LIMITS.callMsMax / 59_000));
  });

  test.each([
    ['a refused identity', new SluiceError('storage_unauthorized', 'no')],
    ['a request that is wrong in itself', busy({ transient: false })],
    ['what is no error of a store', new TypeError('a defect')],
  ])('does not repeat %s', async (_, failure) => {
    const { store, tries } = failing([failure]);
    await expect(withRetries(store, { clock: countingClock() }).put('x', bytes('1'), signal)).rejects.toBe(failure);
    expect(tries()).toBe(1);
  });

  test('a stop during a wait ends the call at once as an abort', async () => {
    const stop = new AbortController();
    const { store } = failing([busy({ retryAfterMs: 30_000 })]);
    const put = withRetries(store).put('x', bytes('1'), stop.signal);
    setTimeout(() => stop.abort(), 5);
    await expect(put).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a stop ends a call that never answers, as an abort', async () => {
    const stop = new AbortController();
    const store = { ...openMemory(), read: () => new Promise<never>(() => {}) };
    const read = withRetries(store).read('x', stop.signal);
    setTimeout(() => stop.abort(), 5);
    await expect(read).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a call that has ended, well or not, leaves nothing behind that waits for its limit', async () => {
    const waiting = new Set<AbortSignal>();
    const clock: Clock = {
      nowMs: () => 0,
      async sleep(durationMs, stop) {
        waiting.add(stop);
        await systemClock.sleep(durationMs, stop).finally(() => waiting.delete(stop));
      },
    };
    const store = withRetries({ ...openMemory(), delete: () => Promise.reject(new Error('no')) }, { clock });
    await store.put('x', bytes('1'), signal);
    await expect(store.delete('x', signal)).rejects.toThrow('no');
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting.size).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('a call that is ended, by its limit or by a stop, is told so, and why', async () => {
    const told: unknown[] = [];
    const waiting: ObjectStore = {
      ...openMemory(),
      // Ends by itself where it is told to, with an error of its own.
      read: (_, within) =>
        new Promise((_resolve, reject) => {
          within.addEventListener('abort', () => {
            told.push(within.reason);
            reject(new Error('ended'));
          });
        }),
    };
    const limits = { requestMsMax: 20, attemptsMax: 1 };
    const late = expect.objectContaining({ code: 'storage_unavailable' });
    await expect(withRetries(waiting, { limits }).read('x', signal)).rejects.toEqual(late);
    const stop = new AbortController();
    const reading = withRetries(waiting).read('x', stop.signal);
    stop.abort('enough');
    await expect(reading).rejects.toBe('enough');
    expect(told).toEqual([late, 'enough']);
  });

  test('an upload that broke off is done again, over the half that it left', async () => {
    const inner = openMemory();
    let breaks = 1;
    const store: ObjectStore = {
      ...inner,
      async upload(path, _, stop) {
        await inner.put(path, bytes(breaks > 0 ? 'ha' : 'half'), stop);
        if (breaks-- > 0) throw busy();
      },
    };
    await withRetries(store, { random: () => 0 }).upload('x', 'a local file', signal);
    expect(await inner.read('x', signal)).toEqual(bytes('half'));
  });

  test('a listing that breaks off goes on after the last object told', async () => {
    const inner = openMemory();
    for (const name of ['a', 'b', 'c', 'd']) await inner.put(name, bytes(name), signal);
    let breaks = 3;
    const store: ObjectStore = {
      ...inner,
      async *list(...call) {
        for await (const info of inner.list(...call)) {
          yield info;
          if (breaks-- > 0) throw busy();
        }
      },
    };
    const found: string[] = [];
    for await (const { path } of withRetries(store, { random: () => 0 }).list('', signal)) found.push(path);
    expect(found).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('putting once', () => {
  const settle = (store: ObjectStore, clock: Clock = countingClock()) =>
    putOnce(store, 'x', bytes('ours'), { clock, random: () => 0 }, signal);

  test("another writer's object is taken, whatever the reply says", async () => {
    const inner = openMemory();
    await inner.put('x', bytes('theirs'), signal);
    const store = { ...inner, putIfAbsent: () => Promise.reject(busy()) };
    expect(await settle(store)).toBe('taken');
  });

  test('one\'s own object is won, also where the reply says "taken"', async () => {
    const inner = openMemory();
    await inner.put('x', bytes('ours'), signal);
    expect(await settle(inner)).toBe('won');
  });

  test('a store that says "taken" of nothing is told of after the tries, and not believed', async () => {
    let tries = 0;
    const store = { ...openMemory(), putIfAbsent: async () => ++tries < 0 };
    await expect(settle(store)).rejects.toMatchObject({ code: 'storage_unavailable', message: /no such object/ });
    expect(tries).toBe(5);
  });

  test('waits as the service asked before it puts again', async () => {
    const inner = openMemory();
    const replies: (Error | undefined)[] = [busy({ retryAfterMs: 7_000 })];
    const clock = countingClock();
    const store: ObjectStore = {
      ...inner,
      putIfAbsent: async (...call) => {
        const failure = replies.shift();
        if (failure !== undefined) throw failure;
        return inner.putIfAbsent(...call);
      },
    };
    expect(await settle(store, clock)).toBe('won');
    expect(clock.waitsMs).toEqual([7_000]);
  });

  test('where neither put nor read answers, the error of the put is told', async () => {
    const store = {
      ...openMemory(),
      putIfAbsent: () => Promise.reject(busy()),
      read: () => Promise.reject(new SluiceError('storage_unavailable', 'not read either')),
    };
    await expect(settle(store)).rejects.toThrow('https://lake:443 is busy');
  });
});
