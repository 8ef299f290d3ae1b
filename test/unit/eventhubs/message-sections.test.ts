import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueAt } from '../../../src/base/byte-column.ts';
import type { ByteColumn } from '../../../src/base/byte-column.ts';
import { EventColumns } from '../../../src/eventhubs/event-columns.ts';
import { appendMessage, sequenceNumberOf } from '../../../src/eventhubs/message-sections.ts';
import type { EventBatch } from '../../../src/eventhubs/eventhubs.ts';

interface Rhea {
  readonly types: Record<string, (...values: unknown[]) => unknown>;
  readonly message: {
    encode(message: object): Buffer;
    data_sections(parts: readonly Buffer[]): object;
    data_section(part: Buffer): object;
    sequence_section(list: readonly unknown[]): object;
    sequence_sections(lists: readonly (readonly unknown[])[]): object;
  };
}
const { types, message } = createRequire(import.meta.url)('rhea') as Rhea;
const wrap = (name: string, ...values: unknown[]): unknown =>
  (types[`wrap_${name}`] as (...v: unknown[]) => unknown)(...values);
const made = (name: string, value: unknown): unknown => (types[name] as (v: unknown) => unknown)(value);

/** The message as the service delivers it: its annotations before the client's sections. */
function delivered(parts: object, annotations: Record<string, unknown> = {}): Buffer {
  return message.encode({
    message_annotations: {
      'x-opt-sequence-number': wrap('long', 4_294_967_299),
      'x-opt-offset': '8589934592',
      'x-opt-enqueued-time': wrap('timestamp', 1_767_225_600_123),
      'x-opt-partition-key': 'key ü',
      ...annotations,
    },
    ...parts,
  });
}

const text = (column: ByteColumn, row: number): string | null =>
  column.nulls?.[row] === 1 ? null : Buffer.from(valueAt(column, row) ?? []).toString('utf8');

function read(...messages: readonly Buffer[]): EventBatch {
  const columns = new EventColumns('0', messages.length, 16);
  for (const each of messages) appendMessage(columns, each);
  return columns.batch();
}

const properties = (value: Record<string, unknown>): string | null =>
  text(read(delivered({ application_properties: value, body: message.data_section(Buffer.from('{}')) })).properties, 0);
const property = (value: unknown): string => (properties({ p: value }) as string).slice('{"p":'.length, -1);

describe('annotations', () => {
  test('number, time, offset and key of the service come out exactly', () => {
    const batch = read(delivered({ body: message.data_section(Buffer.from('b')) }));
    expect(batch.count).toBe(1);
    expect(batch.sequenceNumbers[0]).toBe(4_294_967_299n);
    expect(batch.enqueuedAtUs[0]).toBe(1_767_225_600_123_000n);
    expect([text(batch.offsets, 0), text(batch.partitionKeys, 0)]).toEqual(['8589934592', 'key ü']);
  });

  test('small numbers in their short encodings, and an event without a key', () => {
    const bytes = delivered(
      { body: message.data_section(Buffer.from('b')) },
      {
        'x-opt-sequence-number': wrap('long', 7),
        'x-opt-partition-key': null,
        'x-opt-other': wrap('uuid', Buffer.alloc(16)),
      },
    );
    const batch = read(bytes);
    expect(batch.sequenceNumbers[0]).toBe(7n);
    expect(text(batch.partitionKeys, 0)).toBeNull();
    expect(sequenceNumberOf(bytes)).toBe(7);
  });

  test('a message of no partition has no number', () => {
    expect(sequenceNumberOf(message.encode({ body: 'x' }))).toBe(-1);
  });
});

const body = (value: unknown): string | null => text(read(delivered({ body: value as object })).bodies, 0);

describe('bodies', () => {
  test('data sections are joined', () => {
    expect(body(message.data_sections([Buffer.from('{"a"'), Buffer.from(''), Buffer.from(':1}')]))).toBe('{"a":1}');
  });

  test('an AMQP value: a string is its bytes, a binary itself, anything else its JSON', () => {
    expect(body('text "ü" 𐍈')).toBe('text "ü" 𐍈');
    expect(body(wrap('binary', Buffer.from('raw')))).toBe('raw');
    expect(body(wrap('long', -5))).toBe('-5');
    expect(body(null)).toBe('null');
    expect(body({ b: [1, 'x'], a: true })).toBe('{"a":true,"b":[1,"x"]}');
  });

  test('a sequence is its list, several are joined', () => {
    expect(body(message.sequence_section([1, 'two']))).toBe('[1,"two"]');
    expect(body(message.sequence_sections([[1], [], ['two']]))).toBe('[1,"two"]');
  });

  test('no body is the empty text, and bytes stay as they are', () => {
    const none = delivered({});
    // rhea always writes an AMQP value of null at the end: four bytes less is a message without a body.
    const batch = read(
      none.subarray(0, none.length - 4),
      delivered({ body: message.data_section(Buffer.from([0xff, 0, 0xef, 0xbb, 0xbf])) }),
    );
    expect(text(batch.bodies, 0)).toBe('');
    expect([0, 1].flatMap((row) => [...(valueAt(batch.bodies, row) ?? [])])).toEqual([0xff, 0, 0xef, 0xbb, 0xbf]);
  });

  test('a body of 1 MiB', () => {
    expect(body(message.data_section(Buffer.alloc(1_048_000, 'x')))?.length).toBe(1_048_000);
  });
});

const long = (hex: string): Buffer => Buffer.from(hex, 'hex');
const decimal = (name: string, hex: string): string => property(made(name, long(hex)));

describe('application properties as JSON', () => {
  test('none or an empty map is null', () => {
    expect(text(read(delivered({ body: 'x' })).properties, 0)).toBeNull();
    expect(properties({})).toBeNull();
  });

  test('names stand in code point order, not in that of UTF-16', () => {
    expect(properties({ '\u{10000}': 1, '\uffff': 2, b: 3, '"': 4, a: 5 })).toBe(
      '{"\\"":4,"a":5,"b":3,"\uffff":2,"\u{10000}":1}',
    );
  });

  test('integers of every width keep all their digits', () => {
    expect(property(made('Ubyte', 255))).toBe('255');
    expect(property(made('Ushort', 65_535))).toBe('65535');
    expect(property(made('Uint', 4_294_967_295))).toBe('4294967295');
    expect([0, 255, 256].map((n) => property(wrap('uint', n)))).toEqual(['0', '255', '256']);
    expect([0, 255, 256].map((n) => property(wrap('ulong', n)))).toEqual(['0', '255', '256']);
    expect(property(made('Ulong', long('ffffffffffffffff')))).toBe('18446744073709551615');
    expect(property(made('Byte', -128))).toBe('-128');
    expect(property(made('Short', -32_768))).toBe('-32768');
    expect([-1, -129, 2_147_483_647].map((n) => property(wrap('int', n)))).toEqual(['-1', '-129', '2147483647']);
    expect(property(made('Long', long('8000000000000000')))).toBe('-9223372036854775808');
    expect(property(made('Long', long('0020000000000001')))).toBe('9007199254740993');
  });

  test('floats are numbers where JSON has them', () => {
    expect([0.1, 1e300, -2.5].map((n) => property(wrap('double', n)))).toEqual(['0.1', '1e+300', '-2.5']);
    expect(property(wrap('float', 0.5))).toBe('0.5');
    expect([NaN, Infinity, -Infinity].map((n) => property(wrap('double', n)))).toEqual([
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
    ]);
    expect(JSON.parse(property(wrap('double', -0)))).toBe(-0);
  });

  test('what JSON has no form for is text', () => {
    expect(property(wrap('uuid', Buffer.from('00112233445566778899aabbccddeeff', 'hex')))).toBe(
      '"00112233-4455-6677-8899-aabbccddeeff"',
    );
    expect(property(wrap('symbol', 'sym'))).toBe('"sym"');
    expect(property(wrap('char', 0x1f600))).toBe('"😀"');
    expect(property(wrap('timestamp', 1_767_225_600_123))).toBe('"2026-01-01T00:00:00.123Z"');
    expect(property(wrap('timestamp', -1))).toBe('"1969-12-31T23:59:59.999Z"');
    expect(property(wrap('binary', Buffer.from([0, 255, 16])))).toBe('"AP8Q"');
    expect([true, false, null].map((v) => property(v))).toEqual(['true', 'false', 'null']);
    expect(property('a "quoted" \n text')).toBe('"a \\"quoted\\" \\n text"');
  });

  test('decimals are their digits', () => {
    expect(decimal('Decimal32', '32800001')).toBe('"1"');
    expect(decimal('Decimal32', 'b1800019')).toBe('"-0.25"');
    expect(decimal('Decimal32', '6cb8967f')).toBe('"9999999"');
    expect(decimal('Decimal64', '31c0000000000001')).toBe('"1"');
    expect(decimal('Decimal128', '30400000000000000000000000000000')).toBe('"0"');
    expect(decimal('Decimal128', '3044000000000000000000000000000c')).toBe('"1.2E+3"');
    expect([decimal('Decimal32', '78000000'), decimal('Decimal32', '7c000000')]).toEqual(['"Infinity"', '"NaN"']);
  });

  test('lists, maps and arrays are JSON', () => {
    expect(property(wrap('list', [1, 'a', [true], []]))).toBe('[1,"a",[true],[]]');
    expect(property({ b: 1, a: { c: null } })).toBe('{"a":{"c":null},"b":1}');
    expect(property(wrap('array', [1, -2], 0x71))).toBe('[1,-2]');
    expect(property(wrap('described', 5, 'com.microsoft:timespan'))).toBe('5');
  });
});

const prefix = (() => {
  const whole = delivered({});
  return whole.subarray(0, whole.length - 4);
})();

const arrives = (tail: Uint8Array): void => {
  const batch = read(Buffer.concat([prefix, tail]));
  expect([batch.count, batch.sequenceNumbers[0]]).toEqual([1, 4_294_967_299n]);
};

describe('malformed messages', () => {
  test('what follows the annotations is kept byte for byte as the body', () => {
    const columns = new EventColumns('0', 2, 16);
    const bad = Buffer.from('005374d10000', 'hex');
    expect(appendMessage(columns, Buffer.concat([prefix, bad]))).toBe(false);
    expect(appendMessage(columns, delivered({ body: 'good' }))).toBe(true);
    const batch = columns.batch();
    expect(valueAt(batch.bodies, 0)).toEqual(Buffer.concat([Buffer.from(bodyHead(prefix)), bad]));
    expect([text(batch.properties, 0), text(batch.bodies, 1), batch.sequenceNumbers[0]]).toEqual([
      null,
      'good',
      4_294_967_299n,
    ]);
  });

  test('any bytes after the annotations give one row, and never a fault', () => {
    const anyTail = fc.property(fc.uint8Array({ maxLength: 200 }), arrives);
    expect(() => fc.assert(anyTail, { numRuns: 2000 })).not.toThrow();
  });

  test('values nested a million deep are malformed, not a stack overflow', () => {
    for (const byte of [0x00, 0xc0, 0xe0]) {
      const columns = new EventColumns('0', 1, 16);
      const section = Buffer.concat([Buffer.from('005377', 'hex'), Buffer.alloc(1_000_000, byte)]);
      expect(appendMessage(columns, Buffer.concat([prefix, section]))).toBe(false);
    }
  });
});

/** Sections of rhea's between the annotations and the body (properties, an empty list). */
function bodyHead(bytes: Buffer): Buffer {
  const at = bytes.indexOf(Buffer.from('005373', 'hex'));
  return at < 0 ? Buffer.alloc(0) : bytes.subarray(at);
}
