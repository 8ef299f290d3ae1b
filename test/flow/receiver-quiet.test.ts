import { setTimeout as reallyAfter } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { KiB, MiB } from '../../src/base/limits.ts';
import type { EventBatch } from '../../src/eventhubs/eventhubs.ts';
import { drain, hubWith, sendNumbered, upTo, type BrokenHub, type Drained } from '../support/hub-drain.ts';

/**
 * Hours over real sockets: the timers of both sides, rhea's too, and the time of day are simulated, and go on by steps
 * between which the sockets get real time. The hub looks for expired tokens every five seconds, of the same time.
 */
const STEP_MS = 20_000;
const MINUTE_MS = 60_000;
const HUB = 'quiet';
/** More than the whole drain is quiet. */
const STALL_MS = 100 * 60 * MINUTE_MS;

const clock: Clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, durationMs);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

let broken: BrokenHub;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  broken = await hubWith([HUB], clock);
});

afterEach(async () => {
  vi.useRealTimers();
  await broken.close();
});

async function pass(durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
    await vi.advanceTimersByTimeAsync(STEP_MS);
    await reallyAfter(1);
  }
}

interface SlowDrain {
  readonly last: number;
  readonly bytesMax: number;
  readonly atBatch: (batch: EventBatch, index: number) => void | Promise<void>;
}

/** Drains; time goes on by itself wherever nobody waits for `pass`. */
async function drainSlowly({ atBatch, ...rest }: SlowDrain): Promise<Drained> {
  const state = { isPassing: false, isDone: false };
  const draining = drain({
    ...rest,
    hub: broken.hub,
    name: HUB,
    receiver: 'direct',
    clock,
    stallMsMax: STALL_MS,
    atBatch: async (batch, index) => {
      state.isPassing = true;
      await atBatch(batch, index);
      state.isPassing = false;
    },
  }).finally(() => {
    state.isDone = true;
  });
  while (!state.isDone) {
    if (!state.isPassing) await vi.advanceTimersByTimeAsync(10);
    await reallyAfter(1);
  }
  return draining;
}

const EVENTS = 12_000;
/** Uniform events: credit keeps within the share, and nothing ever pauses the socket. */
const uniform = { last: EVENTS - 1, bytesMax: 512 * KiB };
const whole = { numbers: upTo(EVENTS - 1), breaks: [] as readonly string[] };

describe('the receiver direct', () => {
  test('renews its token while it drains, so that the service that checks never detaches it', async () => {
    await sendNumbered(broken.hub, HUB, EVENTS, 300);
    const atBatch = async (_: unknown, index: number): Promise<void> => {
      if (index < 3) await pass(50 * MINUTE_MS);
    };
    expect(await drainSlowly({ ...uniform, atBatch })).toEqual(whole);
  });

  test('leaves a service that is silent for two minutes, and goes on where it was', async () => {
    await sendNumbered(broken.hub, HUB, EVENTS, 300);
    const drained = await drainSlowly({
      ...uniform,
      atBatch: async (_, index) => {
        if (index !== 0) return;
        expect(broken.hub.faults.fallSilent()).toBe(1);
        await pass(3 * MINUTE_MS);
      },
    });
    expect(drained).toEqual({ numbers: whole.numbers, breaks: [expect.stringContaining('trying again')] });
  });

  test('keeps its connection while its socket is paused for ten minutes, heard and hearing', async () => {
    await sendNumbered(broken.hub, HUB, 3_000);
    await sendNumbered(broken.hub, HUB, 20, 900_000);
    let paused = 0;
    const drained = await drainSlowly({
      last: 3_019,
      bytesMax: 512 * KiB,
      atBatch: async (batch) => {
        // One large event fills the share, and more of them came on a credit for small ones.
        if (batch.heldBytes < MiB / 2 || paused++ > 0) return;
        await pass(10 * MINUTE_MS);
      },
    });
    expect(drained).toEqual({ numbers: upTo(3_019), breaks: [] });
    expect(paused).toBeGreaterThan(1);
  });
});
