import { describe, expect, test } from 'vitest';
import { FrameParser, ProtocolViolation } from '../../../../src/eventhubs/direct/frame-parser.ts';
import type { TransferHead } from '../../../../src/eventhubs/direct/frame-parser.ts';
import { AMQP_HEADER, bytesOf, concat, described, frame, transfer, uint } from '../../../support/amqp-bytes.ts';

interface Seen {
  readonly controls: string[];
  readonly transfers: (TransferHead & { payload: string })[];
  rest: number;
}

/** Parses after a protocol header; the link of channel 1 has handle 0. */
function parse(...frames: readonly Buffer[]): Seen {
  const bytes = concat(AMQP_HEADER, ...frames);
  const seen: Seen = { controls: [], transfers: [], rest: 0 };
  const link = {
    handle: 0,
    transfer: (head: TransferHead, from: Buffer, start: number, end: number) =>
      void seen.transfers.push({ ...head, payload: from.toString('latin1', start, end) }),
  };
  const at = new FrameParser().parse(bytes, 0, bytes.length, {
    isHeld: false,
    linkOf: (channel) => (channel === 1 ? link : undefined),
    control: (from, start, end) => void seen.controls.push(from.toString('hex', start, end)),
  });
  seen.rest = bytes.length - at;
  return seen;
}

const payload = Buffer.from('payload');

describe('frames of a link', () => {
  test('are handed on in place, whatever the form of descriptor and list', () => {
    for (const form of ['small', 'long', 'amqp:transfer:list']) {
      for (const code of [0xc0, 0xd0]) {
        const { transfers, rest } = parse(transfer({ deliveryId: 7 }, payload, code, form));
        expect({ form, code, transfers, rest }).toEqual({
          form,
          code,
          transfers: [{ deliveryId: 7, isSettled: true, hasMore: false, isAborted: false, payload: 'payload' }],
          rest: 0,
        });
      }
    }
  });

  test('tell settled, more and aborted', () => {
    const fields = { settled: false, more: true, aborted: true, deliveryId: undefined };
    expect(parse(transfer(fields, payload)).transfers).toEqual([
      { deliveryId: -1, isSettled: false, hasMore: true, isAborted: true, payload: 'payload' },
    ]);
  });

  test('of another channel, and every other performative, go to rhea as they are', () => {
    const other = transfer({ channel: 2 }, payload);
    const flow = frame(1, described(0x13, bytesOf(0x45)));
    const empty = frame(0);
    expect(parse(other, flow, empty)).toMatchObject({
      controls: [AMQP_HEADER, other, flow, empty].map((bytes) => bytes.toString('hex')),
      transfers: [],
    });
  });

  test('that are cut off stay unread', () => {
    const whole = transfer({}, payload);
    for (let length = 0; length < whole.length; length++) {
      expect(parse(whole.subarray(0, length))).toMatchObject({ transfers: [], rest: length });
    }
  });
});

describe('what is no AMQP is refused', () => {
  const cases: readonly [string, Buffer][] = [
    ['a frame smaller than its head', bytesOf(0, 0, 0, 7, 2, 0, 0, 1)],
    ['a frame larger than agreed', bytesOf(0x7f, 0, 0, 0, 2, 0, 0, 1)],
    ['a frame whose head is too short', bytesOf(0, 0, 0, 8, 1, 0, 0, 1)],
    ['a frame that begins after its end', bytesOf(0, 0, 0, 8, 200, 0, 0, 1)],
    ['a third protocol header', concat(AMQP_HEADER, AMQP_HEADER)],
    ['a transfer of an empty list', frame(1, described(0x14, bytesOf(0x45)))],
    ['a transfer whose list ends after the frame', frame(1, described(0x14, concat(bytesOf(0xc0, 200, 5), uint(0))))],
    ['a transfer whose field ends after the list', frame(1, described(0x14, concat(bytesOf(0xc0, 3, 1), uint(0))))],
    ['a transfer with more fields than bytes', frame(1, described(0x14, concat(bytesOf(0xc0, 6, 9), uint(0))))],
    ['a transfer on an unknown handle', transfer({ handle: 5 }, payload)],
    ['a transfer without a handle', frame(1, described(0x14, bytesOf(0xc0, 2, 1, 0x40)))],
    ['a handle that is a string', frame(1, described(0x14, bytesOf(0xc0, 4, 1, 0xa1, 1, 65)))],
  ];

  test.for(cases)('%s', ([, bytes]) => {
    expect(() => parse(bytes)).toThrow(ProtocolViolation);
  });

  test('another protocol on the port', () => {
    const bytes = Buffer.from('HTTP/1.1 400 Bad Request');
    const sink = { isHeld: false, linkOf: () => undefined, control: () => undefined };
    expect(() => new FrameParser().parse(bytes, 0, bytes.length, sink)).toThrow(/invalid protocol header/);
  });
});
