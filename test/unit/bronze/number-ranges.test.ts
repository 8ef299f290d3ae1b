import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import { countOf, without } from '../../../src/bronze/number-ranges.ts';

test('what is left of a range is what the others do not hold, number by number', () => {
  const range = fc.tuple(fc.nat(30), fc.nat(8)).map(([first, length]) => ({ first, last: first + length }));
  fc.assert(
    fc.property(range, fc.uniqueArray(fc.nat(40), { maxLength: 25 }), (whole, numbers) => {
      const others = numbers.toSorted((a, b) => a - b).map((number) => ({ first: number, last: number }));
      const left = without(whole, others);
      const expected = Array.from({ length: countOf([whole]) }, (_, at) => whole.first + at);
      const rest = expected.filter((number) => !numbers.includes(number));
      const found = left.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
      expect(found).toEqual(rest);
      expect(countOf(left)).toBe(rest.length);
    }),
  );
});

test('an empty range has nothing left', () => {
  expect(without({ first: 5, last: 4 }, [])).toEqual([]);
});
