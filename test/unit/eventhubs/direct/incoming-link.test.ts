import { describe, expect, test } from 'vitest';
import { valueAt } from '../../../../src/base/byte-column.ts';
import { FrameParser } from '../../../../src/eventhubs/direct/frame-parser.ts';
import type { EventBatch } from '../../../../src/eventhubs/eventhubs.ts';
import {
  annotations,
  AMQP_HEADER,
  bytesOf,
  compound,
  concat,
  data,
  described,
  text,
  transfer,
} from '../../../support/amqp-bytes.ts';
import type { TransferFields } from '../../../support/amqp-bytes.ts';
import { linkOf, type LinkBench } from '../../../support/link-bench.ts';

const event = (sequenceNumber: number | bigint, body = `body ${sequenceNumber}`): Buffer =>
  concat(annotations({ sequenceNumber }), data(Buffer.from(body)));

/** Feeds frames as one piece of input. */
function feed(bench: LinkBench, ...frames: readonly Buffer[]): void {
  bench.input(concat(...frames));
}

const one = (payload: Buffer, fields: TransferFields = {}): Buffer => transfer({ deliveryId: 1, ...fields }, payload);

const bodies = (batch: EventBatch | undefined): string[] =>
  Array.from({ length: batch?.count ?? 0 }, (_, row) =>
    Buffer.from(valueAt((batch as EventBatch).bodies, row) ?? []).toString(),
  );

describe('messages', () => {
  test('of several frames are put together, also between those of others', async () => {
    const bench = linkOf({ lastSequenceNumber: 2 });
    const long = event(1, 'x'.repeat(500));
    feed(bench, one(event(0)), one(long.subarray(0, 100), { more: true, deliveryId: 2 }));
    feed(bench, one(long.subarray(100, 300), { more: true, deliveryId: undefined }));
    feed(bench, one(long.subarray(300), { deliveryId: undefined }), one(event(2), { deliveryId: 3 }));
    expect(bodies(await bench.link.next())).toEqual(['body 0', 'x'.repeat(500), 'body 2']);
    expect(await bench.link.next()).toBeUndefined();
  });

  test('that their sender gave up are left out', async () => {
    const bench = linkOf({ lastSequenceNumber: 1 });
    feed(bench, one(event(0).subarray(0, 30), { more: true }), one(Buffer.alloc(0), { aborted: true }));
    feed(bench, one(event(0)), one(event(1)));
    expect(bodies(await bench.link.next())).toEqual(['body 0', 'body 1']);
    expect(bench.rhea.delivery_count).toBe(3);
  });

  test('that begin before the one before has ended are refused', () => {
    const bench = linkOf({ lastSequenceNumber: 1 });
    feed(bench, one(event(0).subarray(0, 30), { more: true, deliveryId: 4 }));
    expect(() => feed(bench, one(event(1), { deliveryId: 5 }))).toThrow(/begins before the one before it has ended/);
  });

  test('that are not settled are answered, in runs', () => {
    const bench = linkOf({ lastSequenceNumber: 9 });
    feed(
      bench,
      ...[3, 4, 5, 9].map((deliveryId, i) => one(event(i), { settled: false, deliveryId })),
      one(event(4), { deliveryId: 10 }),
    );
    expect(bench.written.map((bytes) => [bytes.readUInt32BE(16), bytes.readUInt32BE(21)])).toEqual([
      [3, 5],
      [9, 9],
    ]);
  });

  test('of numbers before the range and after it are passed over, and the range is done', async () => {
    const bench = linkOf({ firstSequenceNumber: 5, lastSequenceNumber: 7 });
    feed(bench, ...[3, 4, 5, 5, 6, 9].map((number) => one(event(number))));
    expect(bodies(await bench.link.next())).toEqual(['body 5', 'body 6']);
    expect(await bench.link.next()).toBeUndefined();
    expect(bench.link.nextWanted).toBe(10);
  });

  test('without a number, or with one beyond 2^53, are refused by name', () => {
    const bench = linkOf({ lastSequenceNumber: 9 });
    expect(() => feed(bench, one(event(2n ** 53n)))).toThrow(/beyond 2\^53/);
    expect(() => feed(bench, one(event(-1n)))).toThrow(/without a sequence number/);
    expect(() => feed(bench, one(data(Buffer.from('x'))))).toThrow(/without a sequence number/);
    expect(() => feed(bench, one(described(0x72, bytesOf(0xc1, 200, 2))))).toThrow(/annotations of an event/);
    feed(bench, one(event(2n ** 53n - 1n)));
    expect(bench.link.nextWanted).toBe(2 ** 53);
  });

  test('come to whoever waits though the batch is not full, and before what broke the link', async () => {
    const bench = linkOf({ lastSequenceNumber: 9 });
    const waiting = bench.link.next();
    feed(bench, one(event(0)));
    expect(bodies(await waiting)).toEqual(['body 0']);
    feed(bench, one(event(1)));
    bench.link.fail(new Error('gone'));
    expect(bodies(await bench.link.next())).toEqual(['body 1']);
    await expect(bench.link.next()).rejects.toThrow('gone');
  });
});

describe('the list of a transfer', () => {
  /** A frame on channel 1 whose list says of itself that it has so many bytes; other frames stand behind it. */
  const frame = (listBytes: number, ...fields: readonly number[]): Buffer => {
    const head = bytesOf(0, 0, 0, 0, 2, 0, 0, 1, 0, 0x53, 0x14, 0xc0, listBytes, fields.length === 0 ? 0 : 3);
    const whole = concat(head, bytesOf(...fields));
    whole.writeUInt32BE(whole.length, 0);
    return concat(whole, Buffer.alloc(300));
  };

  test('that ends after its frame is refused', () => {
    const bench = linkOf({ lastSequenceNumber: 1 });
    expect(() => feed(bench, frame(200, 0x43, 0x52, 1, 0x40))).toThrow(/the fields of a transfer end after its frame/);
  });

  test('that ends within one of its values is refused', () => {
    const bench = linkOf({ lastSequenceNumber: 1 });
    expect(() => feed(bench, frame(6, 0x43, 0x52, 1, 0xa0, 100))).toThrow(/a value of 102 bytes, 2 left/);
  });
});

describe('memory that is given back', () => {
  /** What a batch holds, copied: bodies, and the keys with their nulls. */
  const contents = (batch: EventBatch | undefined): unknown => {
    if (batch === undefined) return undefined;
    const rows = Array.from({ length: batch.count }, (_, row) => row);
    return rows.map((row) => [
      batch.sequenceNumbers[row],
      ...[batch.bodies, batch.partitionKeys].map((column) => {
        const value = valueAt(column, row);
        expect(column.nulls?.[row] ?? 0).toBe(value === undefined ? 1 : 0);
        return value === undefined ? null : Buffer.from(value).toString();
      }),
    ]);
  };
  const keyed = (sequenceNumber: number, partitionKey?: string): Buffer =>
    one(
      concat(
        annotations({ sequenceNumber, ...(partitionKey !== undefined && { partitionKey }) }),
        data(Buffer.from(`body ${sequenceNumber}`)),
      ),
    );

  test('is filled again, and nothing of the batch before shines through', async () => {
    const bench = linkOf({ lastSequenceNumber: 9 });
    feed(bench, keyed(0), keyed(1, 'a key'), keyed(2));
    const waiting = bench.link.next();
    const first = await waiting;
    expect(contents(first)).toEqual([
      [0n, 'body 0', null],
      [1n, 'body 1', 'a key'],
      [2n, 'body 2', null],
    ]);
    first?.release?.();
    feed(bench, keyed(3, 'other'), keyed(4, 'keys'), keyed(5));
    const second = await bench.link.next();
    expect(second?.sequenceNumbers).toBe(first?.sequenceNumbers);
    expect(contents(second)).toEqual([
      [3n, 'body 3', 'other'],
      [4n, 'body 4', 'keys'],
      [5n, 'body 5', null],
    ]);
  });

  test('twice is filled once, and a batch that nobody gave back stays as it is', async () => {
    const bench = linkOf({ lastSequenceNumber: 9 });
    const batches: (EventBatch | undefined)[] = [];
    for (const number of [0, 1, 2, 3]) {
      feed(bench, keyed(number));
      batches.push(await bench.link.next());
      if (number === 0) for (let times = 0; times < 2; times++) batches[0]?.release?.();
    }
    expect(batches.slice(1).map(contents)).toEqual([1, 2, 3].map((i) => [[BigInt(i), `body ${i}`, null]]));
    expect(new Set(batches.slice(1).map((batch) => batch?.bodies.bytes)).size).toBe(3);
  });
});

describe('properties that a client puts before the body', () => {
  const cases = {
    'an empty list': bytesOf(0x45),
    'a short list': compound(0xc0, [text('id'), bytesOf(0x40), text('text/plain')]),
    'a long list': compound(0xd0, [text('x'.repeat(200)), text('y'.repeat(200))]),
  };
  test.each(Object.entries(cases))('are passed over: %s', async (_, list) => {
    const bench = linkOf({ lastSequenceNumber: 1 });
    const body = 'x'.repeat(300);
    const message = (number: number): Buffer =>
      concat(annotations({ sequenceNumber: number }), described(0x73, list), data(Buffer.from(body)));
    feed(bench, one(message(0)), one(message(1)));
    expect(bodies(await bench.link.next())).toEqual([body, body]);
  });

  test('that end after the message leave its bytes as the body', async () => {
    const bench = linkOf({ lastSequenceNumber: 0 });
    const rest = concat(bytesOf(0, 0x53, 0x73, 0xc0, 200, 1), data(Buffer.from('x')));
    feed(bench, one(concat(annotations({ sequenceNumber: 0 }), rest)));
    expect(bodies(await bench.link.next())).toEqual([rest.toString()]);
  });
});

describe('a share of bytes', () => {
  const share = 64 * 1024;

  test('is never passed by more than one event: what follows stays unread until somebody pulls', async () => {
    const bench = linkOf({ lastSequenceNumber: 999, bytesMax: share });
    const large = 'x'.repeat(10_000);
    feed(bench, ...Array.from({ length: 100 }, (_, i) => one(event(i, large))));
    expect(bench.link.isOverfull).toBe(true);
    expect(bench.link.heldBytes).toBeGreaterThan(share);
    expect(bench.link.heldBytes).toBeLessThan(share + 11_000);
    let events = 0;
    while (events < 100) {
      events += (await bench.link.next())?.count ?? 0;
      expect(bench.link.heldBytes).toBeLessThan(share + 11_000);
      bench.input(Buffer.alloc(0));
    }
    expect(events).toBe(100);
  });

  test('has credit for one event at first, then for what it has room for', () => {
    const bench = linkOf({ lastSequenceNumber: 9_999, bytesMax: share });
    bench.link.start();
    expect(bench.rhea.credit).toBe(1);
    feed(bench, one(event(0, 'x'.repeat(900))));
    expect(bench.rhea.credit).toBeGreaterThan(50);
    expect(bench.rhea.credit * 900).toBeLessThan(share);
  });

  test('takes credit back where an event is larger than those before', () => {
    const bench = linkOf({ lastSequenceNumber: 9_999, bytesMax: share });
    bench.link.start();
    feed(bench, one(event(0, 'x'.repeat(100))));
    const before = bench.rhea.credit;
    feed(bench, one(event(1, 'x'.repeat(20_000))));
    expect(bench.rhea.credit).toBeLessThan(before / 10);
    expect(bench.rhea.issue_flow).toBe(true);
  });

  test('gives no credit beyond the end of the range, and none once it is closed', () => {
    const bench = linkOf({ lastSequenceNumber: 1, bytesMax: share });
    bench.link.start();
    feed(bench, one(event(0)), one(event(1)));
    expect(bench.rhea.credit).toBe(0);
    bench.link.close();
    feed(bench, one(event(2)));
    expect(bench.link.heldBytes).toBe(0);
    expect(bench.rhea.delivery_count).toBe(3);
  });
});

test('the parser looks whether it is held after each frame', () => {
  const bytes = concat(AMQP_HEADER, one(event(0)), one(event(1)));
  let taken = 0;
  const sink = {
    get isHeld() {
      return taken === 1;
    },
    linkOf: () => ({ handle: 0, transfer: () => void taken++ }),
    control: () => undefined,
  };
  expect(new FrameParser().parse(bytes, 0, bytes.length, sink)).toBe(AMQP_HEADER.length + one(event(0)).length);
});
