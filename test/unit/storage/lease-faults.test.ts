import { describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import { SluiceError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { takeLease, type LeaseOptions } from '../../../src/storage/lease.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';

const signal = new AbortController().signal;
const DURATION_MS = 30_000;

/** Waits shorter than a lease's part take no time; those for a sign of life are counted and never needed here. */
function quickClock(): Clock & { readonly waitsMs: number[] } {
  const waitsMs: number[] = [];
  return {
    waitsMs,
    nowMs: systemClock.nowMs,
    async sleep(durationMs, stop) {
      // The renewal sleeps on beside the test until it is stopped.
      if (durationMs >= DURATION_MS / 3) return systemClock.sleep(durationMs, stop);
      waitsMs.push(durationMs);
    },
  };
}

const options = (clock: Clock): LeaseOptions => ({
  runId: 'run',
  command: 'ingest-once',
  durationMs: DURATION_MS,
  clock,
  log: silentLog,
});

const lost = (): SluiceError => new SluiceError('storage_unavailable', 'the reply was lost');

describe('taking a lease where the store fails', () => {
  test('a put whose reply was lost holds: nobody waits a lease for oneself', async () => {
    const inner = openMemory();
    let puts = 0;
    const store: ObjectStore = {
      ...inner,
      async putIfAbsent(...call) {
        await inner.putIfAbsent(...call);
        puts++;
        throw lost();
      },
    };
    const clock = quickClock();
    const result = await takeLease(store, options(clock), signal);
    expect([result.kind, puts, clock.waitsMs]).toEqual(['held', 1, []]);
    if (result.kind === 'held') await result.lease.release();
  });

  test('a put that is answered "taken" of one’s own file holds', async () => {
    const inner = openMemory();
    const store: ObjectStore = {
      ...inner,
      async putIfAbsent(...call) {
        await inner.putIfAbsent(...call);
        return false;
      },
    };
    const result = await takeLease(store, options(quickClock()), signal);
    expect(result.kind).toBe('held');
    if (result.kind === 'held') await result.lease.release();
  });

  test('a listing that hides the last lease, which was given back, leads to the number after it', async () => {
    const inner = openMemory();
    const before = await takeLease(inner, options(quickClock()), signal);
    if (before.kind !== 'held') throw new Error('a new lake is free');
    await before.lease.release();
    const hidden = `_sluice/lease/${before.lease.number}.json`;
    const store: ObjectStore = {
      ...inner,
      async *list(...call) {
        for await (const info of inner.list(...call)) if (info.path !== hidden) yield info;
      },
    };
    const result = await takeLease(store, options(quickClock()), signal);
    expect(result).toMatchObject({ kind: 'held', lease: { number: before.lease.number + 1 } });
    if (result.kind === 'held') await result.lease.release();
  });
});
