import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { processIdentity, takeLease, type Lease, type LeaseHolder } from '../../../src/storage/lease.ts';
import type { LeaseOptions, LeaseResult } from '../../../src/storage/lease.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';

const signal = new AbortController().signal;
const DURATION_MS = 30_000;
const here = { host: 'here', machine: 'boot 1', pid: 7, processStart: '100' };
const elsewhere = { host: 'elsewhere', machine: 'boot 2', pid: 7, processStart: '100' };

/** Time that runs only when a test says so; sleepers wake in order. */
function heldClock(): Clock & { pass(durationMs: number): Promise<void> } {
  let now = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  return {
    nowMs: () => now,
    sleep: (durationMs, stop) =>
      new Promise((resolve, reject) => {
        const abort = (): void => reject(new DOMException('stopped', 'AbortError'));
        if (stop.aborted) return abort();
        stop.addEventListener('abort', abort, { once: true });
        sleepers.push({ at: now + durationMs, wake: resolve });
      }),
    async pass(durationMs) {
      const end = now + durationMs;
      for (;;) {
        await settle();
        const next = sleepers.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        sleepers = sleepers.filter((sleeper) => sleeper !== next);
        now = next.at;
        next.wake();
      }
      now = end;
      await settle();
    },
  };
}

type Held = ReturnType<typeof heldClock>;

function options(clock: Clock, process: LeaseOptions['process'], alive = true): LeaseOptions {
  const base = { runId: 'run', command: 'ingest-once', durationMs: DURATION_MS, clock, log: silentLog };
  return { ...base, ...(process === undefined ? {} : { process }), isAlive: () => alive };
}

async function held(result: Promise<LeaseResult>): Promise<Lease> {
  const got = await result;
  if (got.kind !== 'held') throw new Error('expected to hold the lease');
  return got.lease;
}

async function holderOf(store: ObjectStore, number: number): Promise<LeaseHolder> {
  const data = await store.read(`_sluice/lease/${number}.json`, signal);
  return JSON.parse(new TextDecoder().decode(data));
}

/** The result, once the clock has run this long. */
async function after<T>(clock: Held, durationMs: number, result: Promise<T>): Promise<T | 'still waiting'> {
  let got: T | 'still waiting' = 'still waiting';
  void result.then((value) => (got = value));
  await clock.pass(durationMs);
  return got;
}

describe('a free lease', () => {
  test('is number 2 on a new lake, and one more each time it was given back', async () => {
    const store = openMemory();
    const clock = heldClock();
    const first = await held(takeLease(store, options(clock, here), signal));
    expect(first.number).toBe(2);
    await first.release();
    expect(await holderOf(store, 2)).toMatchObject({ released: true, pid: 7 });
    const second = await held(takeLease(store, options(clock, elsewhere), signal));
    expect(second.number).toBe(3);
    expect(await store.read('_sluice/lease/2.json', signal)).toBeUndefined();
    await second.release();
  });

  test('goes to exactly one of two runs that take it at once', async () => {
    const store = openMemory();
    const clock = heldClock();
    const both = [options(clock, here), options(clock, elsewhere)].map((each) => takeLease(store, each, signal));
    await clock.pass(DURATION_MS);
    const kinds = (await Promise.all(both)).map((result) => result.kind);
    expect(kinds.toSorted()).toEqual(['held', 'locked']);
  });
});

describe('a lease that another holds', () => {
  test('is locked when it is seen renewed, within one lease', async () => {
    const store = openMemory();
    const clock = heldClock();
    const lease = await held(takeLease(store, options(clock, elsewhere), signal));
    const result = await after(clock, DURATION_MS / 2, takeLease(store, options(clock, here), signal));
    expect(result).toMatchObject({ kind: 'locked', holder: { host: 'elsewhere', command: 'ingest-once' } });
    await lease.release();
  });

  test('is taken after one silent lease where its holder is on another machine, and not before', async () => {
    const store = openMemory();
    const dead = heldClock();
    await held(takeLease(store, options(dead, elsewhere), signal));
    const clock = heldClock();
    const taking = takeLease(store, options(clock, here), signal);
    expect(await after(clock, DURATION_MS - 1, taking)).toBe('still waiting');
    expect(await after(clock, DURATION_MS, taking)).toMatchObject({ kind: 'held', lease: { number: 3 } });
  });

  test('is taken at once where its process of this machine is gone', async () => {
    const store = openMemory();
    await held(takeLease(store, options(heldClock(), here), signal));
    const lease = await held(takeLease(store, options(heldClock(), { ...here, pid: 8 }, false), signal));
    expect(lease.number).toBe(3);
  });

  test('is not taken at once where a process of this machine is alive, though it is silent', async () => {
    const store = openMemory();
    await held(takeLease(store, options(heldClock(), here), signal));
    const clock = heldClock();
    const taking = takeLease(store, options(clock, { ...here, pid: 8 }, true), signal);
    expect(await after(clock, DURATION_MS / 2, taking)).toBe('still waiting');
  });

  test('is taken when it is given back while we wait', async () => {
    const store = openMemory();
    const theirs = heldClock();
    const lease = await held(takeLease(store, options(theirs, elsewhere), signal));
    const clock = heldClock();
    const taking = takeLease(store, options(clock, here), signal);
    expect(await after(clock, 1000, taking)).toBe('still waiting');
    await lease.release();
    expect(await after(clock, 2000, taking)).toMatchObject({ kind: 'held', lease: { number: 3 } });
  });

  test('is waited for by looks: a clock that leaps ahead shortens nothing', async () => {
    const store = openMemory();
    await held(takeLease(store, options(heldClock(), elsewhere), signal));
    const clock = heldClock();
    let leapMs = 0;
    const leaping = { ...clock, nowMs: () => clock.nowMs() + (leapMs += 3_600_000) };
    const taking = takeLease(store, options(leaping, here), signal);
    expect(await after(clock, DURATION_MS - 1, taking)).toBe('still waiting');
    expect(await after(clock, DURATION_MS, taking)).toMatchObject({ kind: 'held' });
  });

  test('says nothing by its times: a holder whose clock is years away is locked, or dead, as it acts', async () => {
    const store = openMemory();
    const theirs = heldClock();
    const old = { ...theirs, nowMs: () => -1_000_000_000_000 };
    const lease = await held(takeLease(store, options(old, elsewhere), signal));
    const clock = heldClock();
    const taking = takeLease(store, options(clock, here), signal);
    expect(await after(clock, DURATION_MS / 2, taking)).toBe('still waiting');
    await theirs.pass(DURATION_MS / 2);
    expect(await after(clock, DURATION_MS / 4, taking)).toMatchObject({ kind: 'locked' });
    await lease.release();
  });

  test('stops waiting when the run is stopped', async () => {
    const store = openMemory();
    await held(takeLease(store, options(heldClock(), elsewhere), signal));
    const stop = new AbortController();
    const taking = takeLease(store, options(heldClock(), here), stop.signal);
    const outcome = taking.catch((error: unknown) => String(error));
    for (let i = 0; i < 50; i++) await Promise.resolve();
    stop.abort();
    expect(await outcome).toContain('stopped');
  });
});

describe('a holder', () => {
  test('learns that another has taken the lease over, and then leaves its file alone', async () => {
    const store = openMemory();
    const clock = heldClock();
    const lease = await held(takeLease(store, options(clock, elsewhere), signal));
    const thief = await held(takeLease(store, options(heldClock(), { ...elsewhere, pid: 9 }, false), signal));
    expect(lease.lost.aborted).toBe(false);
    await clock.pass(DURATION_MS);
    expect(lease.lost.aborted).toBe(true);
    await lease.release();
    expect(await store.read('_sluice/lease/2.json', signal)).toBeUndefined();
    expect(thief.number).toBe(3);
  });

  test('sees at once that it has lost where it looks, and stays where the store is away', async () => {
    const inner = openMemory();
    let away = false;
    const store: ObjectStore = {
      ...inner,
      async *list(prefix, stop) {
        if (away) throw new Error('away');
        yield* inner.list(prefix, stop);
      },
    };
    const lease = await held(takeLease(store, options(heldClock(), elsewhere), signal));
    away = true;
    await lease.look();
    expect(lease.lost.aborted).toBe(false);
    away = false;
    await held(takeLease(store, options(heldClock(), { ...elsewhere, pid: 9 }, false), signal));
    await lease.look();
    expect(lease.lost.aborted).toBe(true);
  });

  test('of which former files cannot be deleted has the lease all the same', async () => {
    const inner = openMemory();
    await (await held(takeLease(inner, options(heldClock(), here), signal))).release();
    const store: ObjectStore = { ...inner, delete: () => Promise.reject(new Error('busy')) };
    expect((await held(takeLease(store, options(heldClock(), here), signal))).number).toBe(3);
  });

  test('that was stopped between taking its number and being told so gives it back', async () => {
    const inner = openMemory();
    await (await held(takeLease(inner, options(heldClock(), here), signal))).release();
    const stop = new AbortController();
    let lists = 0;
    const store: ObjectStore = {
      ...inner,
      async *list(prefix, within) {
        if (++lists === 2) stop.abort();
        within.throwIfAborted();
        yield* inner.list(prefix, within);
      },
    };
    await expect(takeLease(store, options(heldClock(), here), stop.signal)).rejects.toThrow(/abort/);
    expect(await holderOf(inner, 3)).toMatchObject({ released: true });
  });

  test('keeps its lease through a renewal that failed', async () => {
    const inner = openMemory();
    let failures = 1;
    const put: ObjectStore['put'] = async (...args) => {
      if (failures-- > 0) throw new Error('busy');
      await inner.put(...args);
    };
    const store: ObjectStore = { ...inner, put };
    const clock = heldClock();
    const lease = await held(takeLease(store, options(clock, here), signal));
    await clock.pass(DURATION_MS);
    expect(lease.lost.aborted).toBe(false);
    expect((await holderOf(inner, 2)).renewals).toBeGreaterThan(1);
    await lease.release();
  });
});

test('a number that was in use and tidied away is not taken again by a run that listed long ago', async () => {
  const inner = openMemory();
  await inner.putIfAbsent('_sluice/lease/9.json', new TextEncoder().encode('{"released":true}'), signal);
  let stale = true;
  const store: ObjectStore = {
    ...inner,
    async *list(prefix, stop) {
      if (!stale) yield* inner.list(prefix, stop);
      stale = false;
    },
  };
  const lease = await held(takeLease(store, options(heldClock(), here), signal));
  expect(lease.number).toBe(10);
  expect(await inner.read('_sluice/lease/1.json', signal)).toBeUndefined();
});

test('this process is told from one that had its pid before', async () => {
  const self = processIdentity();
  expect(self.pid).toBe(process.pid);
  const store = openMemory();
  const base = { runId: 'run', command: 'load', durationMs: DURATION_MS, clock: heldClock(), log: silentLog };
  await held(takeLease(store, { ...base, process: { ...self, processStart: '1' } }, signal));
  expect((await held(takeLease(store, base, signal))).number).toBe(3);
});
