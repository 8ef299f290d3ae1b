import { AmqpReader, MalformedAmqp } from './amqp-values.ts';
import type { EventColumns } from './event-columns.ts';

const SECTION = { annotations: 0x72, properties: 0x74, data: 0x75, sequence: 0x76, value: 0x77 } as const;
const NOTHING = Buffer.alloc(0);
const NULL_CODE = 0x40;

/**
 * Adds the event of one raw AMQP message to the columns by domain section 2. False where the message is no AMQP
 * beyond the annotations that the service put before it: then the body is what follows them, byte for byte, and it
 * has no properties. Throws MalformedAmqp where the service's own annotations cannot be read.
 */
export function appendMessage(columns: EventColumns, message: Buffer): boolean {
  const reader = new AmqpReader(message);
  const annotations = readAnnotations(reader);
  const row = columns.count;
  const clientPart = reader.position;
  let sound = true;
  try {
    appendSections(columns, reader, row);
  } catch (error) {
    if (!(error instanceof MalformedAmqp)) throw error;
    sound = false;
    columns.restartRow();
    columns.bodies.write(message, clientPart, message.length);
    columns.properties.endNull(row);
  }
  columns.bodies.end(row);
  columns.offsets.write(message, annotations.offsetStart, annotations.offsetEnd);
  columns.offsets.end(row);
  if (annotations.keyStart < 0) columns.partitionKeys.endNull(row);
  else {
    columns.partitionKeys.write(message, annotations.keyStart, annotations.keyEnd);
    columns.partitionKeys.end(row);
  }
  columns.endRow(annotations.sequenceNumber, annotations.enqueuedAtMs);
  return sound;
}

/** The number that the service gave the message; -1 where it has none (then it came from no partition). */
export function sequenceNumberOf(message: Buffer): number {
  return readAnnotations(new AmqpReader(message)).sequenceNumber;
}

interface Annotations {
  sequenceNumber: number;
  enqueuedAtMs: number;
  offsetStart: number;
  offsetEnd: number;
  /** -1: no key. */
  keyStart: number;
  keyEnd: number;
}

/** Reads up to the end of the message annotations; header and delivery annotations before them are skipped. */
function readAnnotations(reader: AmqpReader): Annotations {
  const found: Annotations = {
    sequenceNumber: -1,
    enqueuedAtMs: 0,
    offsetStart: 0,
    offsetEnd: 0,
    keyStart: -1,
    keyEnd: -1,
  };
  while (reader.position < reader.end) {
    const start = reader.position;
    const section = sectionCode(reader);
    if (section > SECTION.annotations) {
      reader.position = start;
      break;
    }
    if (section < SECTION.annotations) {
      reader.skip();
      continue;
    }
    readAnnotationMap(reader, found);
    break;
  }
  return found;
}

function readAnnotationMap(reader: AmqpReader, found: Annotations): void {
  const code = reader.byte();
  if (code === NULL_CODE) return;
  if (code !== 0xc1 && code !== 0xd1) throw new MalformedAmqp('annotations are no map');
  const length = reader.length(code);
  const mapEnd = reader.position + length;
  if (mapEnd > reader.end) throw new MalformedAmqp('annotations end after the message');
  for (let count = reader.length(code); count > 1; count -= 2) {
    const keyCode = reader.byte();
    if (keyCode !== 0xa3) {
      reader.position--;
      reader.skip();
      reader.skip();
      continue;
    }
    const nameLength = reader.byte();
    readAnnotation(reader, reader.take(nameLength), nameLength, found);
  }
  reader.position = mapEnd;
}

function readAnnotation(reader: AmqpReader, name: number, nameLength: number, found: Annotations): void {
  const { bytes } = reader;
  switch (annotationName(bytes, name, nameLength)) {
    case 'x-opt-sequence-number':
      found.sequenceNumber = readInteger(reader);
      return;
    case 'x-opt-enqueued-time':
      found.enqueuedAtMs = readInteger(reader);
      return;
    case 'x-opt-offset':
      found.offsetStart = textStart(reader);
      found.offsetEnd = reader.position;
      return;
    case 'x-opt-partition-key':
      if (bytes[reader.position] === NULL_CODE) reader.skip();
      else {
        found.keyStart = textStart(reader);
        found.keyEnd = reader.position;
      }
      return;
    default:
      reader.skip();
  }
}

const NAMES = ['x-opt-sequence-number', 'x-opt-enqueued-time', 'x-opt-offset', 'x-opt-partition-key'] as const;
const NAME_BYTES = NAMES.map((name) => Buffer.from(name));

function annotationName(bytes: Buffer, start: number, length: number): (typeof NAMES)[number] | undefined {
  for (let i = 0; i < NAMES.length; i++) {
    const wanted = NAME_BYTES[i] as Buffer;
    // Length and the letter after `x-opt-` tell the four apart; the rest is compared to be sure.
    if (wanted.length !== length || wanted[6] !== bytes[start + 6]) continue;
    if (sameBytes(wanted, bytes, start)) return NAMES[i];
  }
  return undefined;
}

/** A loop, because for twenty bytes a call into native code costs several times as much. */
function sameBytes(wanted: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (wanted[i] !== bytes[start + i]) return false;
  return true;
}

/** A long or timestamp; numbers of the service stay below 2^53. */
function readInteger(reader: AmqpReader): number {
  const code = reader.byte();
  const { bytes } = reader;
  if (code === 0x81 || code === 0x83 || code === 0x80) {
    const at = reader.take(8);
    return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  }
  if (code === 0x55 || code === 0x54) return bytes.readInt8(reader.take(1));
  if (code === 0x53 || code === 0x52) return reader.byte();
  if (code === 0x44 || code === 0x43) return 0;
  if (code === 0x71) return bytes.readInt32BE(reader.take(4));
  if (code === 0x70) return bytes.readUInt32BE(reader.take(4));
  throw new MalformedAmqp(`an integer expected, found type 0x${code.toString(16)}`);
}

/** Start of a string, symbol or binary; the reader then stands at its end. */
function textStart(reader: AmqpReader): number {
  const code = reader.byte();
  if (code < 0xa0 || code > 0xbf) throw new MalformedAmqp(`a text expected, found type 0x${code.toString(16)}`);
  return reader.take(reader.length(code));
}

function appendSections(columns: EventColumns, reader: AmqpReader, row: number): void {
  let hasProperties = false;
  const sequences: string[] = [];
  while (reader.position < reader.end) {
    switch (sectionCode(reader)) {
      case SECTION.data:
        if (reader.bytes[reader.position] === NULL_CODE) reader.skip();
        else columns.bodies.write(reader.bytes, textStart(reader), reader.position);
        break;
      case SECTION.value:
        appendValue(columns, reader);
        break;
      case SECTION.sequence:
        sequences.push(reader.json());
        break;
      case SECTION.properties: {
        const json = reader.mapJson();
        if (json === undefined || hasProperties) break;
        hasProperties = true;
        writeText(columns.properties, json);
        columns.properties.end(row);
        break;
      }
      default:
        reader.skip();
    }
  }
  if (sequences.length > 0) writeText(columns.bodies, sequenceJson(sequences));
  if (!hasProperties) columns.properties.endNull(row);
}

/** An AMQP value that is a string is its UTF-8 bytes, a binary itself, anything else its JSON. */
function appendValue(columns: EventColumns, reader: AmqpReader): void {
  const code = reader.bytes[reader.position] ?? NULL_CODE;
  if (code === 0xa0 || code === 0xa1 || code === 0xb0 || code === 0xb1) {
    columns.bodies.write(reader.bytes, textStart(reader), reader.position);
  } else writeText(columns.bodies, reader.json());
}

/** One sequence section is its list; several are one list of them joined, as AMQP means them. */
function sequenceJson(sequences: readonly string[]): string {
  const inner = sequences.map((json) => json.slice(1, -1)).filter((json) => json !== '');
  return `[${inner.join(',')}]`;
}

function writeText(column: EventColumns['bodies'], text: string): void {
  const bytes = text === '' ? NOTHING : Buffer.from(text);
  column.write(bytes, 0, bytes.length);
}

/** The section's code: nearly always the small ulong, but the long form and the symbol mean the same. */
function sectionCode(reader: AmqpReader): number {
  const { bytes } = reader;
  if (reader.byte() !== 0) throw new MalformedAmqp('a section expected');
  const form = reader.byte();
  if (form === 0x53) return reader.byte();
  if (form === 0x80) {
    const at = reader.take(8);
    return bytes.readUInt32BE(at) === 0 ? bytes.readUInt32BE(at + 4) : 0;
  }
  if (form === 0xa3) {
    const length = reader.byte();
    const start = reader.take(length);
    return SYMBOLS.get(bytes.toString('latin1', start, start + length)) ?? 0;
  }
  throw new MalformedAmqp('a section expected');
}

const SYMBOLS: ReadonlyMap<string, number> = new Map([
  ['amqp:header:list', 0x70],
  ['amqp:delivery-annotations:map', 0x71],
  ['amqp:message-annotations:map', SECTION.annotations],
  ['amqp:properties:list', 0x73],
  ['amqp:application-properties:map', SECTION.properties],
  ['amqp:data:binary', SECTION.data],
  ['amqp:amqp-sequence:list', SECTION.sequence],
  ['amqp:amqp-value:*', SECTION.value],
  ['amqp:footer:map', 0x78],
]);
