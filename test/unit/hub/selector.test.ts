import { describe, expect, it } from 'vitest';
import { parseSelector } from '../../../src/hub/selector.ts';

const selector = (annotation: string, operator: string, value: string): string =>
  `amqp.annotation.x-opt-${annotation} ${operator} '${value}'`;

describe('selectors of the clients', () => {
  it.each([
    ['JavaScript, earliest', selector('offset', '>', '-1'), { kind: 'earliest' }],
    ['Java, earliest', selector('offset', '>=', '-1'), { kind: 'earliest' }],
    ['latest', selector('offset', '>', '@latest'), { kind: 'latest' }],
    ['an offset', selector('offset', '>', '4711'), { kind: 'offset', value: 4711, inclusive: false }],
    ['an inclusive offset', selector('offset', '>=', '4711'), { kind: 'offset', value: 4711, inclusive: true }],
    ['a sequence number', selector('sequence-number', '>', '0'), { kind: 'sequence', value: 0, inclusive: false }],
    ['Spark', selector('sequence-number', '>=', '12'), { kind: 'sequence', value: 12, inclusive: true }],
    [
      'a time',
      selector('enqueued-time', '>', '1764000000000'),
      { kind: 'time', value: 1764000000000, inclusive: false },
    ],
    ['no quotes', 'amqp.annotation.x-opt-sequence-number >= 3', { kind: 'sequence', value: 3, inclusive: true }],
  ])('%s', (_, text, expected) => {
    expect(parseSelector(text)).toEqual(expected);
  });

  it('takes the greatest 64-bit time, by which Java means the end, for a time that never comes', () => {
    const position = parseSelector(selector('enqueued-time', '>', '9223372036854775807'));
    expect(position).toMatchObject({ kind: 'time', inclusive: false });
    expect(position?.kind === 'time' && Number.isSafeInteger(position.value + 1)).toBe(true);
  });

  it.each(['', 'color = "red"', selector('offset', '>', 'abc'), selector('sequence-number', '>', '@latest')])(
    'knows no position in %j',
    (text) => {
      expect(parseSelector(text)).toBeUndefined();
    },
  );
});
