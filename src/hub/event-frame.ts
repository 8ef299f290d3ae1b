/**
 * An event lies on disk as the transfer frame that will carry it: sending it means to patch three numbers.
 * Head: 38 bytes, every field of the transfer in a fixed place, settled, a four-byte delivery tag.
 */
import { present } from '../base/assert.ts';

export const HEAD_BYTES = 38;
const CHANNEL_AT = 6;
const HANDLE_AT = 15;
const DELIVERY_ID_AT = 20;
const TAG_AT = 26;
const SETTLED_AT = 31;
const MORE_AT = 32;
const TRUE = 0x41;
const FALSE = 0x42;

const HEAD = Buffer.from(
  [
    '0000000002000000', // size, data offset, type, channel
    '005314c0190b', // transfer, a list of eleven
    '70000000007000000000', // handle, delivery-id
    'a0040000000043', // delivery-tag, message-format
    '41424040424242', // settled, more, and what is never set
  ].join(''),
  'hex',
);

const UINT32 = 2 ** 32;
const symbol = (name: string): Buffer => Buffer.from([0xa3, name.length, ...Buffer.from(name)]);
const SEQUENCE_KEY = Buffer.concat([symbol('x-opt-sequence-number'), Buffer.from([0x81])]);
const OFFSET_KEY = Buffer.concat([symbol('x-opt-offset'), Buffer.from([0xa1])]);
const TIME_KEY = Buffer.concat([symbol('x-opt-enqueued-time'), Buffer.from([0x83])]);
const SECTION_BYTES = 12;
const ANNOTATIONS_FIXED_BYTES = SEQUENCE_KEY.length + 8 + OFFSET_KEY.length + 1 + TIME_KEY.length + 8;
const OFFSET_DIGITS_MAX = 16;

/** One delivery as it came: `starts[i]`..`ends[i]` of the payload is what is kept of event i. */
export interface EventSlices {
  readonly payload: Buffer;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface EventPlace {
  readonly firstSequenceNumber: number;
  /** Logical position of the first frame in its partition; it is the event's offset. */
  readonly firstOffset: number;
  readonly enqueuedAtMs: number;
  readonly partitionKey: string | undefined;
  readonly publisher: string | undefined;
}

/** All events of a delivery as frames, one after the other. */
export function buildEventFrames(events: EventSlices, place: EventPlace): Buffer {
  const extras = extraAnnotations(place);
  const count = events.starts.length;
  const overhead = HEAD_BYTES + SECTION_BYTES + ANNOTATIONS_FIXED_BYTES + OFFSET_DIGITS_MAX + extras.bytes.length;
  let total = count * overhead;
  for (let i = 0; i < count; i++) total += at(events.ends, i) - at(events.starts, i);
  const out = Buffer.allocUnsafe(total);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const start = end;
    end += HEAD.copy(out, end);
    end = writeAnnotations(
      out,
      end,
      place.firstSequenceNumber + i,
      place.firstOffset + start,
      place.enqueuedAtMs,
      extras,
    );
    end += events.payload.copy(out, end, at(events.starts, i), at(events.ends, i));
    out.writeUInt32BE(end - start, start);
  }
  return out.subarray(0, end);
}

/** Makes a stored frame the next one of a link. */
export function patchFrame(frames: Buffer, start: number, channel: number, handle: number, deliveryId: number): void {
  frames.writeUInt16BE(channel, start + CHANNEL_AT);
  frames.writeUInt32BE(handle, start + HANDLE_AT);
  frames.writeUInt32BE(deliveryId >>> 0, start + DELIVERY_ID_AT);
  frames.writeUInt32BE(deliveryId >>> 0, start + TAG_AT);
}

/** The receiver is to settle the event. */
export function leaveUnsettled(frames: Buffer, start: number): void {
  frames[start + SETTLED_AT] = FALSE;
}

/** A frame (with its head patched) cut into frames that a peer with a small frame size accepts. */
export function splitFrame(frame: Buffer, frameBytesMax: number): Buffer[] {
  if (frame.length <= frameBytesMax) return [frame];
  const parts: Buffer[] = [];
  const room = frameBytesMax - HEAD_BYTES;
  for (let from = HEAD_BYTES; from < frame.length; from += room) {
    const part = Buffer.concat([frame.subarray(0, HEAD_BYTES), frame.subarray(from, from + room)]);
    part.writeUInt32BE(part.length, 0);
    if (from + room < frame.length) part[MORE_AT] = TRUE;
    parts.push(part);
  }
  return parts;
}

/** The delivery annotations of a receiver that asked for the runtime metric. */
export function buildMetricSection(last: {
  sequenceNumber: number;
  offset: string;
  enqueuedAtMs: number;
  nowMs: number;
}): Buffer {
  const parts = [
    Buffer.concat([symbol('last_enqueued_sequence_number'), fixed(0x81, last.sequenceNumber)]),
    Buffer.concat([symbol('last_enqueued_offset'), text(last.offset)]),
    Buffer.concat([symbol('last_enqueued_time_utc'), fixed(0x83, last.enqueuedAtMs)]),
    Buffer.concat([symbol('runtime_info_retrieval_time_utc'), fixed(0x83, last.nowMs)]),
  ];
  const body = Buffer.concat(parts);
  const head = Buffer.from([0x00, 0x53, 0x71, 0xc1, body.length + 1, parts.length * 2]);
  return Buffer.concat([head, body]);
}

interface ExtraAnnotations {
  readonly count: number;
  readonly bytes: Buffer;
}

function extraAnnotations(place: EventPlace): ExtraAnnotations {
  const pairs: Buffer[] = [];
  if (place.partitionKey !== undefined) pairs.push(symbol('x-opt-partition-key'), text(place.partitionKey));
  if (place.publisher !== undefined) pairs.push(symbol('x-opt-publisher'), text(place.publisher));
  return { count: pairs.length, bytes: Buffer.concat(pairs) };
}

/** The map is written with a 32-bit size: a long partition key needs it, and the frame's layout stays one. */
function writeAnnotations(
  out: Buffer,
  start: number,
  sequenceNumber: number,
  offset: number,
  enqueuedAtMs: number,
  extras: ExtraAnnotations,
): number {
  let end = start + SECTION_BYTES;
  end += SEQUENCE_KEY.copy(out, end);
  end = writeUint64(out, end, sequenceNumber);
  end += OFFSET_KEY.copy(out, end);
  const digits = out.write(String(offset), end + 1, 'latin1');
  out[end] = digits;
  end += 1 + digits;
  end += TIME_KEY.copy(out, end);
  end = writeUint64(out, end, enqueuedAtMs);
  end += extras.bytes.copy(out, end);
  out.writeUInt32BE(0x005372d1, start);
  out.writeUInt32BE(end - start - 8, start + 4);
  out.writeUInt32BE(6 + extras.count, start + 8);
  return end;
}

function writeUint64(out: Buffer, start: number, value: number): number {
  out.writeUInt32BE(Math.floor(value / UINT32), start);
  out.writeUInt32BE(value % UINT32, start + 4);
  return start + 8;
}

function fixed(code: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = code;
  bytes.writeBigInt64BE(BigInt(value), 1);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length <= 0xff) return Buffer.concat([Buffer.from([0xa1, bytes.length]), bytes]);
  const head = Buffer.alloc(5);
  head[0] = 0xb1;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function at(list: readonly number[], index: number): number {
  return present(list[index], `entry ${index}`);
}
