import { assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lowerBound, statisticsText, upperBound, type ColumnStatistics } from '../../../src/delta/statistics.ts';

/** Order by code points, as Delta's readers compare texts. */
function compareText(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

const text = string({ unit: 'binary', maxLength: 80 }).filter((value) => value.isWellFormed());

describe('bounds', () => {
  test('of texts enclose the value, however it is cut', () => {
    assert(
      property(text, (value) => {
        const low = JSON.parse(lowerBound('string', value) ?? '') as string;
        expect(compareText(low, value)).toBeLessThanOrEqual(0);
        const high = upperBound('string', value);
        expect(high === undefined || compareText(JSON.parse(high) as string, value) >= 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of a long text: the upper one is raised past surrogates, and left out where nothing can be', () => {
    expect(JSON.parse(upperBound('string', 'a'.repeat(40)) ?? '')).toBe(`${'a'.repeat(31)}b`);
    expect(JSON.parse(upperBound('string', '\ud7ff'.repeat(40)) ?? '')).toBe(`${'\ud7ff'.repeat(31)}\ue000`);
    const topmost = '\u{10ffff}';
    expect(JSON.parse(upperBound('string', `a${topmost.repeat(40)}`) ?? '')).toBe('b');
    expect(upperBound('string', topmost.repeat(40))).toBeUndefined();
  });

  test('of timestamps are whole milliseconds: the lower rounded down, the upper up', () => {
    const value = '2026-01-05 12:00:00.123456+00';
    expect(lowerBound('timestamp', value)).toBe('"2026-01-05T12:00:00.123Z"');
    expect(upperBound('timestamp', value)).toBe('"2026-01-05T12:00:00.124Z"');
    expect(upperBound('timestamp', '2026-12-31 23:59:59.9995+00')).toBe('"2027-01-01T00:00:00.000Z"');
    expect(upperBound('timestamp', '2026-01-05 12:00:00.1+00')).toBe('"2026-01-05T12:00:00.100Z"');
    expect(lowerBound('timestamp', 'infinity')).toBeUndefined();
  });

  test('of numbers keep every digit; what is no plain number or date has none', () => {
    expect(lowerBound('long', '9007199254740993')).toBe('9007199254740993');
    expect(upperBound('decimal(18,2)', '-3.20')).toBe('-3.20');
    expect(upperBound('date', '9999-12-31')).toBe('"9999-12-31"');
    expect(upperBound('date', '12026-01-01')).toBeUndefined();
    expect(upperBound('decimal(18,2)', 'NaN')).toBeUndefined();
    expect(lowerBound('boolean', 'true')).toBeUndefined();
    expect(lowerBound('long', undefined)).toBeUndefined();
  });
});

test('columns without bounds keep their count of nulls; partition columns are left out', () => {
  const column = { least: '1', greatest: '2', nullCount: '0', hasNaN: false };
  const found = statisticsText(
    {
      columns: [
        { name: 'body', type: 'string' },
        { name: 'n', type: 'integer' },
        { name: 'gone', type: 'integer' },
        { name: 'day', type: 'date' },
      ],
      partitionColumns: ['day'],
      withoutBounds: ['body'],
    },
    3n,
    new Map<string, ColumnStatistics>([
      ['body', { ...column, nullCount: '1' }],
      ['n', column],
      ['gone', { ...column, least: undefined, greatest: undefined, nullCount: '3' }],
      ['day', column],
    ]),
  );
  expect(found).toBe('{"numRecords":3,"minValues":{"n":1},"maxValues":{"n":2},"nullCount":{"body":1,"n":0,"gone":3}}');
});
