import { MalformedAmqp } from '../amqp-values.ts';
import type { EventColumns } from '../event-columns.ts';
import { appendMessage, sequenceNumberOf } from '../message-sections.ts';
import { ProtocolViolation, uint32 } from './frame-parser.ts';

/** What became of a message. */
export const APPENDED = { taken: 0, malformed: 1, before: 2, after: 3 } as const;
export type Appended = (typeof APPENDED)[keyof typeof APPENDED];

const WORD = 2 ** 32;
/** The high word of 2^53. */
const HIGH_WORD_END = 2 ** 21;

const SEQUENCE_NUMBER = nameOf('x-opt-sequence-number');
const ENQUEUED_TIME = nameOf('x-opt-enqueued-time');
const OFFSET = nameOf('x-opt-offset');
const PARTITION_KEY = nameOf('x-opt-partition-key');

/** What the short way has found in a message; one for all of them. */
let sequenceNumber = -1;
let enqueuedAtMs = 0;
let offsetStart = 0;
let offsetEnd = 0;
let keyStart = -1;
let keyEnd = -1;
let bodyStart = 0;
let next = 0;

/** The socket's buffer, nearly always; of messages that came in several frames it keeps one at most. */
let viewed: Buffer | undefined;
let lastView: DataView = new DataView(new ArrayBuffer(0));

function viewOf(bytes: Buffer): DataView {
  if (bytes === viewed) return lastView;
  viewed = bytes;
  lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return lastView;
}

/** The number of the event that was looked at last. */
export function lastSequenceNumber(): number {
  return sequenceNumber;
}

/**
 * Adds the event of the message `bytes[start, end)` to the columns if its number lies between `wanted` and `last`.
 * The usual form of the service (its annotations, one data section) is read in place, without an object; any other is
 * left to the way of the genuine client, which knows them all. Throws ProtocolViolation where there is no number.
 */
export function appendEvent(
  columns: EventColumns,
  bytes: Buffer,
  start: number,
  end: number,
  wanted: number,
  last: number,
): Appended {
  if (!readUsual(bytes, start, end)) return appendUnusual(columns, bytes.subarray(start, end), wanted, last);
  if (sequenceNumber < wanted) return APPENDED.before;
  if (sequenceNumber > last) return APPENDED.after;
  const row = columns.count;
  columns.bodies.write(bytes, bodyStart, end);
  columns.bodies.end(row);
  columns.offsets.write(bytes, offsetStart, offsetEnd);
  columns.offsets.end(row);
  if (keyStart < 0) columns.partitionKeys.endNull(row);
  else {
    columns.partitionKeys.write(bytes, keyStart, keyEnd);
    columns.partitionKeys.end(row);
  }
  columns.properties.endNull(row);
  columns.endRow(sequenceNumber, enqueuedAtMs);
  return APPENDED.taken;
}

function appendUnusual(columns: EventColumns, message: Buffer, wanted: number, last: number): Appended {
  try {
    sequenceNumber = sequenceNumberOf(message);
  } catch (error) {
    if (error instanceof MalformedAmqp) throw new ProtocolViolation(`annotations of an event: ${error.message}`);
    throw error;
  }
  if (sequenceNumber < 0) throw new ProtocolViolation('an event without a sequence number');
  if (!Number.isSafeInteger(sequenceNumber)) throw new ProtocolViolation('a sequence number beyond 2^53');
  if (sequenceNumber < wanted) return APPENDED.before;
  if (sequenceNumber > last) return APPENDED.after;
  return appendMessage(columns, message) ? APPENDED.taken : APPENDED.malformed;
}

/** False: the message has another form than the usual one, sound or not. Nothing is read beyond `end`. */
function readUsual(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 12 || uint32(bytes, start) >>> 8 !== 0x005372) return false;
  sequenceNumber = -1;
  enqueuedAtMs = 0;
  offsetEnd = 0;
  offsetStart = 0;
  keyStart = -1;
  const code = bytes[start + 3];
  let count: number;
  let mapEnd: number;
  if (code === 0xd1) {
    mapEnd = start + 8 + uint32(bytes, start + 4);
    count = uint32(bytes, start + 8);
    next = start + 12;
  } else if (code === 0xc1) {
    mapEnd = start + 5 + (bytes[start + 4] as number);
    count = bytes[start + 5] as number;
    next = start + 6;
  } else return false;
  if (mapEnd > end || (count & 1) !== 0) return false;
  const view = viewOf(bytes);
  for (; count > 0; count -= 2) if (!readAnnotation(bytes, view, mapEnd)) return false;
  return next === mapEnd && sequenceNumber >= 0 && readData(bytes, mapEnd, end);
}

function readAnnotation(bytes: Buffer, view: DataView, end: number): boolean {
  // A key of one-byte length, and one byte of value at least.
  if (end - next < 3 || bytes[next] !== 0xa3) return false;
  const length = bytes[next + 1] as number;
  const name = next + 2;
  next = name + length;
  if (next >= end) return false;
  switch (length) {
    case SEQUENCE_NUMBER.length:
      return isName(SEQUENCE_NUMBER, view, name) && readSequenceNumber(bytes, end);
    case ENQUEUED_TIME.length:
      // As long as `x-opt-partition-key`.
      if (isName(PARTITION_KEY, view, name)) return readKey(bytes, end);
      return isName(ENQUEUED_TIME, view, name) && readTime(bytes, end);
    case OFFSET.length:
      return isName(OFFSET, view, name) && readOffset(bytes, end);
    default:
      return false;
  }
}

/** A name as words of four bytes, of which two may overlap. */
interface Name {
  readonly length: number;
  readonly starts: readonly number[];
  readonly words: readonly number[];
}

function nameOf(text: string): Name {
  const bytes = Buffer.from(text);
  // The end first: it is where names differ.
  const starts = [bytes.length - 4];
  for (let start = 0; start < bytes.length - 4; start += 4) starts.push(start);
  return { length: bytes.length, starts, words: starts.map((start) => bytes.readInt32BE(start)) };
}

/** Word by word: a call into native code for twenty bytes costs several times as much, and so does a loop over them. */
function isName({ starts, words }: Name, view: DataView, name: number): boolean {
  for (let i = 0; i < words.length; i++) {
    if (view.getInt32(name + (starts[i] as number)) !== words[i]) return false;
  }
  return true;
}

function readSequenceNumber(bytes: Buffer, end: number): boolean {
  if (bytes[next] !== 0x81 || end - next < 9) return false;
  const high = uint32(bytes, next + 1);
  if (high >= HIGH_WORD_END) return false;
  sequenceNumber = high * WORD + uint32(bytes, next + 5);
  next += 9;
  return true;
}

function readTime(bytes: Buffer, end: number): boolean {
  if (bytes[next] !== 0x83 || end - next < 9) return false;
  const high = uint32(bytes, next + 1);
  if (high >= HIGH_WORD_END) return false;
  enqueuedAtMs = high * WORD + uint32(bytes, next + 5);
  next += 9;
  return true;
}

function readOffset(bytes: Buffer, end: number): boolean {
  if (!readText(bytes, end)) return false;
  offsetStart = textStart;
  offsetEnd = next;
  return true;
}

function readKey(bytes: Buffer, end: number): boolean {
  if (!readText(bytes, end)) return false;
  keyStart = textStart;
  keyEnd = next;
  return true;
}

let textStart = 0;

/** A string or symbol with a length of one or four bytes. */
function readText(bytes: Buffer, end: number): boolean {
  const code = bytes[next];
  if (end - next < 2) return false;
  if (code === 0xa1 || code === 0xa3) {
    textStart = next + 2;
    next = textStart + (bytes[next + 1] as number);
  } else if (code === 0xb1 && end - next >= 5) {
    textStart = next + 5;
    next = textStart + uint32(bytes, next + 1);
  } else return false;
  return next <= end;
}

/** One data section that ends where the message does; the properties that clients put before it are passed over. */
function readData(bytes: Buffer, start: number, end: number): boolean {
  const at = afterProperties(bytes, start, end);
  if (end - at < 5 || bytes[at] !== 0 || bytes[at + 1] !== 0x53 || bytes[at + 2] !== 0x75) return false;
  const code = bytes[at + 3];
  if (code === 0xb0 && end - at >= 8) {
    bodyStart = at + 8;
    return bodyStart + uint32(bytes, at + 4) === end;
  }
  bodyStart = at + 5;
  return code === 0xa0 && bodyStart + (bytes[at + 4] as number) === end;
}

/** Where the section after the properties begins, or `at` where there are none; nobody reads what they say. */
function afterProperties(bytes: Buffer, at: number, end: number): number {
  if (end - at < 8 || bytes[at] !== 0 || bytes[at + 1] !== 0x53 || bytes[at + 2] !== 0x73) return at;
  const code = bytes[at + 3];
  if (code === 0x45) return at + 4;
  if (code === 0xc0) return at + 5 + (bytes[at + 4] as number);
  return code === 0xd0 ? at + 8 + uint32(bytes, at + 4) : at;
}
