import { describe, expect, test } from 'vitest';
import { backoffDelayMs, retry } from '../../../src/base/backoff.ts';
import type { Clock } from '../../../src/base/clock.ts';

const options = { attemptsMax: 4, firstDelayMs: 100, delayMsMax: 300, random: () => 1 };
const never = new AbortController().signal;

function recordingClock(): Clock & { sleptMs: number[] } {
  const sleptMs: number[] = [];
  return { sleptMs, nowMs: () => 0, sleep: async (durationMs) => void sleptMs.push(durationMs) };
}

describe('retry', () => {
  test('waits longer each time, up to the bound, and gives the value that came at last', async () => {
    const clock = recordingClock();
    const action = async (attempt: number): Promise<number> =>
      attempt < 3 ? Promise.reject(new Error('busy')) : attempt;
    expect(await retry(action, () => true, clock, never, options)).toBe(3);
    expect(clock.sleptMs).toEqual([100, 200, 300]);
  });

  test('passes the last error on when the attempts are used up', async () => {
    let calls = 0;
    const action = async (): Promise<never> => Promise.reject(new Error(`busy ${++calls}`));
    await expect(retry(action, () => true, recordingClock(), never, options)).rejects.toThrow('busy 4');
    expect(calls).toBe(4);
  });

  test('does not try again what is not worth it', async () => {
    let calls = 0;
    const action = async (): Promise<never> => Promise.reject(new Error(`refused ${++calls}`));
    await expect(retry(action, () => false, recordingClock(), never, options)).rejects.toThrow('refused 1');
  });

  test('waits at least as long as the service asked, within the bound', async () => {
    const clock = recordingClock();
    const action = async (attempt: number): Promise<string> =>
      attempt === 0 ? Promise.reject(new Error('busy')) : 'done';
    await retry(action, () => true, clock, never, { ...options, waitMs: () => 250 });
    expect(clock.sleptMs).toEqual([250]);
  });

  test('stops when the signal is aborted', async () => {
    const action = async (): Promise<never> => Promise.reject(new Error('busy'));
    await expect(retry(action, () => true, recordingClock(), AbortSignal.abort(), options)).rejects.toThrow('busy');
  });
});

test('a delay is spread at random between zero and its bound', () => {
  expect([0, 0.5, 1].map((random) => backoffDelayMs(1, options, () => random))).toEqual([0, 100, 200]);
});
