import { describe, expect, test } from 'vitest';
import { checkControlFrame } from '../../../../src/eventhubs/direct/check-frame.ts';
import { ProtocolViolation } from '../../../../src/eventhubs/direct/frame-parser.ts';
import { bytesOf, compound, concat, described, frame, symbol, text, uint } from '../../../support/amqp-bytes.ts';

const check = (performative: Buffer): void => {
  const bytes = frame(0, performative);
  checkControlFrame(bytes, 0, bytes.length);
};

describe('a control frame before rhea reads it', () => {
  test('passes where every list, map and array holds what it says', () => {
    const symbols = concat(bytesOf(0xe0, 6, 2, 0xa3), bytesOf(1, 97, 1, 98));
    const map = compound(0xd1, [symbol('k'), text('v')]);
    const open = compound(0xd0, [text('id'), uint(1), symbols, map, described(0x28, bytesOf(0x45))]);
    expect(() => check(described(0x10, open))).not.toThrow(ProtocolViolation);
  });

  test.for([
    ['four thousand million nulls', concat(bytesOf(0xf0, 0, 0, 0, 5), bytesOf(0xff, 0xff, 0xff, 0xff, 0x40))],
    ['a list of more items than bytes', concat(bytesOf(0xd0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff), bytesOf(0x40))],
    [
      'lists within lists without end',
      Array.from({ length: 40 }).reduce<Buffer>((inner) => compound(0xd0, [inner]), text('')),
    ],
    ['an array of lists', concat(bytesOf(0xe0, 3, 1, 0xc0, 0))],
    ['a value that ends after its list', concat(bytesOf(0xc0, 3, 1, 0xa1, 9))],
  ] as const)('%s is refused', ([, value]) => {
    expect(() => check(described(0x10, value))).toThrow(ProtocolViolation);
  });
});
