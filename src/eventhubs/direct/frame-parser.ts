import { DIRECT_LIMITS } from './direct-limits.ts';

/** Bytes that are no AMQP 1.0, or more than was agreed. It closes the connection and becomes `eventhubs_protocol`. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

/** Takes the transfers of one link. */
export interface TransferSink {
  /** As the peer numbers it. */
  readonly handle: number;
  /** Part of a message: `bytes[start, end)` of the buffer, which is good only until the call returns. */
  transfer(head: TransferHead, bytes: Buffer, start: number, end: number): void;
}

/** Takes what a parser finds. */
export interface FrameSink {
  /** The sink of the peer's channel; undefined: its frames go to `control`. */
  linkOf(channel: number): TransferSink | undefined;
  /** One whole frame, or one protocol header, which is checked for lengths and no more. */
  control(bytes: Buffer, start: number, end: number): void;
  /** True: what follows stays unread, until somebody parses again. */
  readonly isHeld: boolean;
}

/** What a transfer says of its message; one object for all of them. */
export interface TransferHead {
  /** -1: not said, as in a frame that goes on. */
  deliveryId: number;
  isSettled: boolean;
  hasMore: boolean;
  isAborted: boolean;
}

const HEADER_BYTES = 8;
const PROTOCOL = 0x414d5150;
/** The headers of SASL and of AMQP, and no more of them. */
const HEADERS_MAX = 2;
const DESCRIPTOR = { transfer: 0x14 } as const;
const SYMBOL = Buffer.from('amqp:transfer:list');

const head: TransferHead = { deliveryId: -1, isSettled: false, hasMore: false, isAborted: false };
/** Where the field after the one just read begins. */
let next = 0;

/** Walks the frames of one connection. Every length is checked before it is used. */
export class FrameParser {
  private headers = 0;

  /**
   * Hands on the whole frames of `bytes[start, end)` and gives where the first one begins that is not whole or, where
   * the sink is held, not read. Throws ProtocolViolation.
   */
  parse(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    let at = start;
    while (end - at >= HEADER_BYTES && !sink.isHeld) {
      const size = uint32(bytes, at);
      if (size === PROTOCOL) {
        if (++this.headers > HEADERS_MAX) throw new ProtocolViolation('a protocol header between frames');
        sink.control(bytes, at, at + HEADER_BYTES);
        at += HEADER_BYTES;
        continue;
      }
      if (this.headers === 0) throw new ProtocolViolation('invalid protocol header: no AMQP is spoken there');
      if (size < HEADER_BYTES || size > DIRECT_LIMITS.frameBytesMax) {
        throw new ProtocolViolation(`a frame of ${size} bytes`);
      }
      if (size > end - at) break;
      parseFrame(bytes, at, at + size, sink);
      at += size;
    }
    return at;
  }
}

function parseFrame(bytes: Buffer, start: number, end: number, sink: FrameSink): void {
  const body = start + (bytes[start + 4] as number) * 4;
  if (body < start + HEADER_BYTES || body > end) throw new ProtocolViolation('a frame that begins after its end');
  // Type 0 is AMQP, 1 is SASL.
  if (bytes[start + 5] === 0 && body < end) {
    const fields = transferFields(bytes, body, end);
    const link =
      fields < 0 ? undefined : sink.linkOf(((bytes[start + 6] as number) << 8) | (bytes[start + 7] as number));
    if (link !== undefined) {
      readTransfer(bytes, fields, end, link);
      link.transfer(head, bytes, next, end);
      return;
    }
  }
  sink.control(bytes, start, end);
}

/** Where the list of a transfer begins; -1 for another performative. The descriptor may be of any form. */
function transferFields(bytes: Buffer, at: number, end: number): number {
  if (end - at < 3 || bytes[at] !== 0) return -1;
  const form = bytes[at + 1];
  if (form === 0x53) return bytes[at + 2] === DESCRIPTOR.transfer ? at + 3 : -1;
  if (form === 0x80 && end - at >= 10) {
    return uint32(bytes, at + 2) === 0 && uint32(bytes, at + 6) === DESCRIPTOR.transfer ? at + 10 : -1;
  }
  if (form === 0xa3 && bytes[at + 2] === SYMBOL.length && end - at >= 3 + SYMBOL.length) {
    return SYMBOL.compare(bytes, at + 3, at + 3 + SYMBOL.length) === 0 ? at + 3 + SYMBOL.length : -1;
  }
  return -1;
}

/** Reads the list of a transfer into `head`; `next` is then where its payload begins. */
function readTransfer(bytes: Buffer, at: number, frameEnd: number, link: TransferSink): void {
  const code = at < frameEnd ? (bytes[at] as number) : 0;
  let count: number;
  let end: number;
  if (code === 0xc0 && frameEnd - at >= 3) {
    end = at + 2 + (bytes[at + 1] as number);
    count = bytes[at + 2] as number;
    next = at + 3;
  } else if (code === 0xd0 && frameEnd - at >= 9) {
    end = at + 5 + uint32(bytes, at + 1);
    count = uint32(bytes, at + 5);
    next = at + 9;
  } else throw new ProtocolViolation('a transfer without a list of fields');
  if (end > frameEnd || next > end) throw new ProtocolViolation('the fields of a transfer end after its frame');
  const handle = count > 0 ? uintField(bytes, end) : -1;
  if (handle !== link.handle) throw new ProtocolViolation(`a transfer on the unknown handle ${handle}`);
  head.deliveryId = count > 1 ? uintField(bytes, end) : -1;
  if (count > 2) skipField(bytes, end);
  if (count > 3) skipField(bytes, end);
  head.isSettled = count > 4 && booleanField(bytes, end);
  head.hasMore = count > 5 && booleanField(bytes, end);
  if (count > 6) skipField(bytes, end);
  if (count > 7) skipField(bytes, end);
  if (count > 8) skipField(bytes, end);
  head.isAborted = count > 9 && booleanField(bytes, end);
  // Fields that a later version may add are passed over with the list.
  next = end;
}

/** A uint or null (-1). */
function uintField(bytes: Buffer, end: number): number {
  const at = next;
  const code = at < end ? bytes[at] : undefined;
  if (code === 0x70 && end - at >= 5) {
    next = at + 5;
    return uint32(bytes, at + 1);
  }
  if (code === 0x52 && end - at >= 2) {
    next = at + 2;
    return bytes[at + 1] as number;
  }
  next = at + 1;
  if (code === 0x43) return 0;
  if (code === 0x40) return -1;
  throw new ProtocolViolation('a transfer with a field that is no uint');
}

function booleanField(bytes: Buffer, end: number): boolean {
  const at = next;
  const code = at < end ? bytes[at] : undefined;
  next = at + 1;
  if (code === 0x41) return true;
  if (code === 0x42 || code === 0x40) return false;
  if (code === 0x56 && end - at >= 2) {
    next = at + 2;
    return bytes[at + 1] !== 0;
  }
  throw new ProtocolViolation('a transfer with a field that is no boolean');
}

function skipField(bytes: Buffer, end: number): void {
  const at = next;
  const code = at < end ? (bytes[at] as number) : 0;
  // What the service writes: nulls, zeros, and the bytes of a delivery tag.
  if (code >>> 4 === 0x4) next = at + 1;
  else if (code === 0xa0 && end - at >= 2 && end - at - 2 >= (bytes[at + 1] as number)) {
    next = at + 2 + (bytes[at + 1] as number);
  } else next = afterValue(bytes, at, end, 0);
}

const DEPTH_MAX = 16;

/** Where the value after the one at `at` begins. Throws ProtocolViolation where it ends after `end`. */
export function afterValue(bytes: Buffer, at: number, end: number, depth: number): number {
  if (at >= end) throw new ProtocolViolation('a value that begins after its end');
  const code = bytes[at] as number;
  if (code === 0) {
    if (depth > DEPTH_MAX) throw new ProtocolViolation('descriptors nested too deep');
    return afterValue(bytes, afterValue(bytes, at + 1, end, depth + 1), end, depth + 1);
  }
  const after = at + 1 + lengthAfter(bytes, code, at, end);
  if (after > end) throw new ProtocolViolation(`a value of ${after - at} bytes, ${end - at} left`);
  return after;
}

function lengthAfter(bytes: Buffer, code: number, at: number, end: number): number {
  switch (code >>> 4) {
    case 0x4:
      return 0;
    case 0x5:
      return 1;
    case 0x6:
      return 2;
    case 0x7:
      return 4;
    case 0x8:
      return 8;
    case 0x9:
      return 16;
    case 0xa:
    case 0xc:
    case 0xe:
      return at + 1 < end ? 1 + (bytes[at + 1] as number) : Infinity;
    case 0xb:
    case 0xd:
    case 0xf:
      return end - at >= 5 ? 4 + uint32(bytes, at + 1) : Infinity;
    default:
      throw new ProtocolViolation(`unknown type 0x${code.toString(16)}`);
  }
}

/** The caller has looked that four bytes are there. */
export function uint32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
