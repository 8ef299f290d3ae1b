import { describe, expect, test } from 'vitest';
import { assert, present } from '../../../src/base/assert.ts';
import { ERROR_CODES, isAbort, SluiceError, toSluiceError } from '../../../src/base/errors.ts';

describe('SluiceError', () => {
  test('carries the exit code and retry advice of its code', () => {
    const error = new SluiceError('eventhubs_unavailable', 'no answer from localhost:5672', {
      context: { port: 5672 },
    });
    expect([error.exitCode, error.retryable, error.context]).toEqual([4, true, { port: 5672 }]);
  });

  test('an unknown error becomes internal and keeps its cause', () => {
    const cause = new TypeError('x is not a function');
    const error = toSluiceError(cause);
    expect([error.code, error.exitCode, error.retryable, error.cause]).toEqual(['internal', 70, false, cause]);
  });

  test('an error of ours passes unchanged', () => {
    const error = new SluiceError('table_corrupt', 'entry 3 is cut off');
    expect(toSluiceError(error)).toBe(error);
  });

  test('no code of a usage, data or loss error promises that a retry helps', () => {
    const hopeful = Object.values(ERROR_CODES).filter((meaning) => meaning.retryable);
    expect(new Set(hopeful.map((meaning) => meaning.exitCode))).toEqual(new Set([4]));
  });

  test('only what a signal throws counts as an abort', async () => {
    const aborted = await Promise.reject(AbortSignal.abort().reason).catch((error: unknown) => error);
    expect([isAbort(aborted), isAbort(new Error('aborted'))]).toEqual([true, false]);
  });
});

describe('assert', () => {
  test('a broken invariant is an internal error that names it', () => {
    expect(() => assert(false, 'rows in equal rows out')).toThrow('invariant broken: rows in equal rows out');
    expect(() => present(undefined, 'the plan')).toThrow('the plan is absent');
  });

  test('what is there passes, zero and the empty string included', () => {
    expect([present(0, 'number'), present('', 'text')]).toEqual([0, '']);
  });
});
