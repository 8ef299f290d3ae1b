import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isAbort } from '../../../src/base/errors.ts';
import { runStops, softStopOf, stopLimits } from '../../../src/cli/run-stops.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;
const aborted = ({ soft, refining, work }: ReturnType<typeof runStops>): boolean[] =>
  [soft, refining, work].map((signal) => signal.aborted);

describe('a run that is stopped', () => {
  test('may refine for some seconds, and commit for twenty', () => {
    const soft = new AbortController();
    const stops = runStops(soft.signal, never);
    vi.advanceTimersByTime(stopLimits.committingMsMax * 2);
    expect(aborted(stops)).toEqual([false, false, false]);
    soft.abort();
    vi.advanceTimersByTime(stopLimits.refiningMsMax - 1);
    expect(aborted(stops)).toEqual([true, false, false]);
    vi.advanceTimersByTime(1);
    expect(aborted(stops)).toEqual([true, true, false]);
    vi.advanceTimersByTime(20_000 - stopLimits.refiningMsMax);
    expect(aborted(stops)).toEqual([true, true, true]);
  });

  test('before it has its stops counts from when it has them', () => {
    const stops = runStops(AbortSignal.abort(), never);
    expect(aborted(stops)).toEqual([true, false, false]);
    vi.advanceTimersByTime(20_000);
    expect(aborted(stops)).toEqual([true, true, true]);
  });

  test('hard ends everything at once', () => {
    const hard = new AbortController();
    const stops = runStops(never, hard.signal);
    hard.abort();
    expect(aborted(stops)).toEqual([false, true, true]);
  });
});

test('a time budget that is spent stops as a signal does', () => {
  const soft = softStopOf({ soft: never, hard: never }, 60_000);
  vi.advanceTimersByTime(59_999);
  expect(soft.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(isAbort(soft.reason)).toBe(true);
});
