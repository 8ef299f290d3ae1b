/**
 * Takes a delivery apart without decoding it: of each event the bytes of its properties, application properties,
 * body and footer are kept as they came; header and annotations are the broker's business.
 */
import type { EventSlices } from './event-frame.ts';

export interface ParsedDelivery extends EventSlices {
  readonly partitionKey: string | undefined;
}

/** The delivery is no AMQP message; it is answered with `amqp:decode-error`. */
export class MalformedDelivery extends Error {
  override readonly name = 'MalformedDelivery';
}

const BATCH_FORMAT = 0x80013700;
const HEADER = 0x70;
const MESSAGE_ANNOTATIONS = 0x72;
const DATA = 0x75;
const FOOTER = 0x78;

/** One event, or those of a batch (`format` 0x80013700: each data section of the envelope is a whole message). */
export function parseDelivery(payload: Buffer, format: number): ParsedDelivery {
  try {
    return format === BATCH_FORMAT ? parseBatch(payload) : parseSingle(payload);
  } catch (error) {
    if (error instanceof RangeError) throw new MalformedDelivery('the message ends within a value', { cause: error });
    throw error;
  }
}

function parseSingle(payload: Buffer): ParsedDelivery {
  const event = parseEvent(payload, 0, payload.length);
  return { payload, starts: [event.start], ends: [payload.length], partitionKey: event.partitionKey };
}

function parseBatch(payload: Buffer): ParsedDelivery {
  const starts: number[] = [];
  const ends: number[] = [];
  let partitionKey: string | undefined;
  let at = 0;
  while (at < payload.length) {
    const section = readSection(payload, at);
    const end = skipValue(payload, section.valueAt);
    if (section.code === MESSAGE_ANNOTATIONS) partitionKey = findPartitionKey(payload, section.valueAt);
    if (section.code === DATA) {
      const [start, stop] = binaryRange(payload, section.valueAt);
      const event = parseEvent(payload, start, stop);
      partitionKey ??= event.partitionKey;
      starts.push(event.start);
      ends.push(stop);
    }
    at = end;
  }
  if (starts.length === 0) throw new MalformedDelivery('the batch holds no event');
  return { payload, starts, ends, partitionKey };
}

function parseEvent(buffer: Buffer, from: number, to: number): { start: number; partitionKey: string | undefined } {
  let start = from;
  let at = from;
  let partitionKey: string | undefined;
  while (at < to) {
    const section = readSection(buffer, at);
    if (section.code < HEADER || section.code > FOOTER) throw new MalformedDelivery(`unknown section ${section.code}`);
    at = skipValue(buffer, section.valueAt);
    if (at > to) throw new MalformedDelivery('a section is longer than its message');
    if (section.code > MESSAGE_ANNOTATIONS) continue;
    if (section.code === MESSAGE_ANNOTATIONS) partitionKey = findPartitionKey(buffer, section.valueAt);
    start = at;
  }
  return { start, partitionKey };
}

/** Sections are described by a small or a full ulong. */
function readSection(buffer: Buffer, at: number): { code: number; valueAt: number } {
  if (buffer.readUInt8(at) !== 0x00) throw new MalformedDelivery('a section was expected');
  const kind = buffer.readUInt8(at + 1);
  if (kind === 0x53) return { code: buffer.readUInt8(at + 2), valueAt: at + 3 };
  if (kind === 0x80) return { code: Number(buffer.readBigUInt64BE(at + 2)), valueAt: at + 10 };
  throw new MalformedDelivery('a section has no numeric descriptor');
}

/** The position after the value that begins here: its size follows from its type code alone. */
function skipValue(buffer: Buffer, at: number): number {
  const code = buffer.readUInt8(at);
  if (code === 0x00) return skipValue(buffer, skipValue(buffer, at + 1));
  const end = at + 1 + valueBytes(buffer, at + 1, code);
  if (end > buffer.length) throw new MalformedDelivery('the message ends within a value');
  return end;
}

function valueBytes(buffer: Buffer, at: number, code: number): number {
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
      return 1 + buffer.readUInt8(at);
    case 0xb:
    case 0xd:
    case 0xf:
      return 4 + buffer.readUInt32BE(at);
    default:
      throw new MalformedDelivery(`unknown type code 0x${code.toString(16)}`);
  }
}

function binaryRange(buffer: Buffer, at: number): [start: number, end: number] {
  const code = buffer.readUInt8(at);
  if (code === 0xa0) return [at + 2, at + 2 + buffer.readUInt8(at + 1)];
  if (code === 0xb0) return [at + 5, at + 5 + buffer.readUInt32BE(at + 1)];
  throw new MalformedDelivery('a data section holds no binary');
}

/** Keys are symbols; the value is a string, from older clients a symbol or a binary. */
function findPartitionKey(buffer: Buffer, mapAt: number): string | undefined {
  const code = buffer.readUInt8(mapAt);
  if (code !== 0xc1 && code !== 0xd1) return undefined;
  let at = mapAt + (code === 0xc1 ? 3 : 9);
  const end = skipValue(buffer, mapAt);
  while (at < end) {
    const valueAt = skipValue(buffer, at);
    if (readText(buffer, at) === 'x-opt-partition-key') return readText(buffer, valueAt);
    at = skipValue(buffer, valueAt);
  }
  return undefined;
}

function readText(buffer: Buffer, at: number): string | undefined {
  const code = buffer.readUInt8(at);
  const isText = (code & 0x0f) === 0x0 || (code & 0x0f) === 0x1 || (code & 0x0f) === 0x3;
  if (!isText) return undefined;
  if (code >>> 4 === 0xa) return buffer.toString('utf8', at + 2, at + 2 + buffer.readUInt8(at + 1));
  if (code >>> 4 === 0xb) return buffer.toString('utf8', at + 5, at + 5 + buffer.readUInt32BE(at + 1));
  return undefined;
}
