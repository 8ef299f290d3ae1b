import { expect, test } from 'vitest';
import { unsnappy } from '../../../src/parquet/snappy.ts';
import { randomFrom } from '../../support/hostile-stream.ts';

const random = randomFrom(5);

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}

const littleEndian = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, byte) => Math.floor(value / 2 ** (8 * byte)) & 0xff);

/** A block of random literals and copies of every form, and what it stands for. */
function anyBlock(): { stored: Uint8Array; raw: number[] } {
  const tags: number[] = [];
  const raw: number[] = [];
  for (let turn = random.below(40); turn >= 0; turn--) {
    if (raw.length === 0 || random.chance(0.4)) {
      const literal = Array.from({ length: 1 + random.below(random.chance(0.03) ? 70_000 : 80) }, () =>
        random.below(256),
      );
      const length = literal.length - 1;
      const bytes = length < 60 ? 0 : random.pick(length < 256 ? [1, 2, 3, 4] : length < 65_536 ? [2, 3, 4] : [3, 4]);
      tags.push((bytes === 0 ? length : 59 + bytes) << 2, ...littleEndian(length, bytes));
      for (const byte of literal) {
        tags.push(byte);
        raw.push(byte);
      }
      continue;
    }
    const offset = 1 + random.below(random.chance(0.5) ? Math.min(raw.length, 9) : raw.length);
    const length = 1 + random.below(64);
    if (offset < 2048 && length >= 4 && length < 12) {
      tags.push(1 | ((length - 4) << 2) | ((offset >> 8) << 5), offset & 0xff);
    } else if (offset < 65_536 && random.chance(0.7)) tags.push(2 | ((length - 1) << 2), ...littleEndian(offset, 2));
    else tags.push(3 | ((length - 1) << 2), ...littleEndian(offset, 4));
    for (let byte = 0; byte < length; byte++) raw.push(raw[raw.length - offset] ?? 0);
  }
  return { stored: Uint8Array.from([...varint(raw.length), ...tags]), raw };
}

test('literals and copies of every form, those that overlap themselves too', () => {
  for (let time = 0; time < 300; time++) {
    const { stored, raw } = anyBlock();
    expect(Buffer.compare(unsnappy(stored, raw.length), Uint8Array.from(raw))).toBe(0);
  }
  expect(unsnappy(Uint8Array.of(0), 0)).toHaveLength(0);
});

test.each([
  ['a literal of less than nothing', [4, 0xfc, 0xfa, 0xff, 0xff, 0xff], 'a literal is too long'],
  ['a literal longer than the block', [4, 0x0c, 1, 2], 'a literal is too long'],
  ['a literal longer than the text', [4, 0x14, 1, 2, 3, 4, 5, 6], 'a literal is too long'],
  ['a length that is cut', [4, 0xf4, 1], 'ends within a length'],
  ['a copy from before the beginning', [5, 0x00, 1, 0x01, 2], 'a copy is of nothing'],
  ['a copy of itself', [5, 0x00, 1, 0x01, 0], 'a copy is of nothing'],
  ['a copy longer than the text', [5, 0x00, 1, 0x1d, 1], 'a copy is of nothing'],
  ['a text too short', [4, 0x00, 1], 'too short'],
  ['another length', [9, 0x0c, 1, 2, 3, 4], 'its length is another'],
  ['a length without end', [0x84, 0x80, 0x80, 0x80, 0x80, 0x80], 'its length is another'],
  ['nothing', [], 'its length is another'],
])('%s: refused', (_, bytes, why) => {
  expect(() => unsnappy(Uint8Array.from(bytes), bytes[0] === 5 ? 5 : 4)).toThrow(why);
});

test('whatever the bytes, it ends, with as many or by name', () => {
  const ended = new Set<string>();
  for (let time = 0; time < 1_000; time++) {
    const { stored, raw } = anyBlock();
    for (let hit = 0; hit < 3; hit++) stored[random.below(stored.length)] = random.below(256);
    ended.add(endOf(() => unsnappy(stored, raw.length).length - raw.length));
  }
  expect([...ended].toSorted()).toEqual(['0', 'RangeError']);
});

function endOf(action: () => number): string {
  try {
    return String(action());
  } catch (error) {
    return error instanceof Error ? error.name : 'nothing known';
  }
}
