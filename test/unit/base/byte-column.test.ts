import * as fc from 'fast-check';
import { isUtf8 } from 'node:buffer';
import { expect, test } from 'vitest';
import { areUtf8, byteColumnOf, valueAt } from '../../../src/base/byte-column.ts';
import { ByteColumnBuilder } from '../../../src/eventhubs/event-columns.ts';

// Lengths from 128 on are bytes that are no UTF-8 themselves.
const value = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => Buffer.from(text)),
    fc.integer({ min: 120, max: 70_000 }).map((length) => Buffer.alloc(length, 'x')),
    fc.constantFrom(Buffer.from([0xc3]), Buffer.from([0xbc])),
  ),
  { nil: undefined },
);
const same = (found: Uint8Array | undefined, wanted: Uint8Array | undefined): boolean =>
  found === undefined || wanted === undefined ? found === wanted : Buffer.from(found).equals(wanted);

function lengthOf({ length }: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

test('each value comes out as it went in, and before it stands its length', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), (values) => {
      const column = byteColumnOf(values);
      expect(values.map((_, row) => same(valueAt(column, row), values[row])).every(Boolean)).toBe(true);
      const page = values.flatMap((found) => (found === undefined ? [] : [lengthOf(found), Buffer.from(found)]));
      expect(Buffer.concat(page).equals(column.bytes)).toBe(true);
    }),
  );
});

test('a column built part by part is that of its values, whatever was taken back', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), fc.nat(), (values, seed) => {
      const builder = new ByteColumnBuilder(values.length, seed % 40);
      for (const [row, found] of values.entries()) {
        builder.write(Buffer.from('taken back'), 0, 10);
        if (seed % 2 === 0) builder.end(row);
        builder.restart(row);
        if (found === undefined) builder.endNull(row);
        else {
          const cut = seed % (found.length + 1);
          builder.write(Buffer.from(found), 0, cut);
          builder.write(Buffer.from(found), cut, found.length);
          builder.end(row);
        }
      }
      const wanted = byteColumnOf(values);
      const built = builder.column();
      expect(Buffer.from(built.bytes.subarray(0, builder.usedBytes)).equals(wanted.bytes)).toBe(true);
      expect([...built.ends]).toEqual([...wanted.ends]);
      expect(values.map((_, row) => built.nulls?.[row] ?? 0)).toEqual([...(wanted.nulls ?? [])]);
    }),
  );
});

test('values are UTF-8 together only where each is by itself, and looking leaves them as they were', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), fc.nat(), fc.nat(), (values, a, b) => {
      const first = a % (values.length + 1);
      const count = b % (values.length - first + 1);
      const column = byteColumnOf(values);
      const before = Buffer.from(column.bytes);
      const each = values.slice(first, first + count).every((bytes) => bytes === undefined || isUtf8(bytes));
      expect(areUtf8(column, first, count)).toBe(each);
      expect(before.equals(column.bytes)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
