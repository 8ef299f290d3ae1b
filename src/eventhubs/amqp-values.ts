import { decimalText } from './amqp-decimal.ts';

/** Bytes that are no AMQP 1.0 encoding. It never leaves the room: the message is kept as it came. */
export class MalformedAmqp extends Error {
  override readonly name = 'MalformedAmqp';
}

/** Values nested deeper than this are taken for malformed: they come from nobody who means well. */
const DEPTH_MAX = 100;
/** RFC 3339 has four digits for the year. */
const TIMESTAMP_MS_MIN = Date.parse('0000-01-01T00:00:00.000Z');
const TIMESTAMP_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads AMQP 1.0 values out of `bytes` up to `end`. Every length is checked against the end before it is believed;
 * what does not fit throws MalformedAmqp.
 */
export class AmqpReader {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;

  constructor(bytes: Buffer, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  /** Moves past `length` bytes and gives where they begin. */
  take(length: number): number {
    const start = this.position;
    if (length > this.end - start) {
      throw new MalformedAmqp(`${length} bytes wanted at ${start}, ${this.end - start} left`);
    }
    this.position = start + length;
    return start;
  }

  byte(): number {
    return this.bytes[this.take(1)] as number;
  }

  /** Length of a value of variable width, compound or array, of 1 or 4 bytes by its code. */
  length(code: number): number {
    return isWide(code) ? this.bytes.readUInt32BE(this.take(4)) : this.byte();
  }

  /** Past one value, whatever it is. */
  skip(depth = 0): void {
    let code = this.byte();
    for (let descriptors = depth; code === 0; descriptors++) {
      if (descriptors > DEPTH_MAX) throw new MalformedAmqp('descriptors nested too deep');
      this.skip(descriptors + 1);
      code = this.byte();
    }
    this.take(code < 0xa0 ? fixedWidth(code) : this.length(variable(code)));
  }

  /** One value as JSON text by domain section 2: every digit of integers kept, what JSON cannot say as a string. */
  json(depth = 0): string {
    if (depth > DEPTH_MAX) throw new MalformedAmqp('values nested too deep');
    const code = this.byte();
    if (code === 0) {
      this.skip();
      return this.json(depth + 1);
    }
    return this.valueJson(code, depth);
  }

  /** A map as JSON text, names in code point order; undefined for an empty map or null. */
  mapJson(depth = 0): string | undefined {
    const code = this.byte();
    if (code === 0x40) return undefined;
    if (code !== 0xc1 && code !== 0xd1) throw new MalformedAmqp(`a map expected, found type 0x${code.toString(16)}`);
    const text = this.compoundJson(code, depth);
    return text === '{}' ? undefined : text;
  }

  private valueJson(code: number, depth: number): string {
    if (code >= 0xe0) return this.arrayJson(code, depth);
    if (code === 0x45) return '[]';
    if (code >= 0xc0) return this.compoundJson(code, depth);
    if (code >= 0xa0) {
      const start = this.take(this.length(variable(code)));
      const slice = this.bytes.subarray(start, this.position);
      return (code & 0x0f) === 0 ? `"${slice.toString('base64')}"` : JSON.stringify(slice.toString('utf8'));
    }
    return fixedJson(this.bytes, code, this.take(fixedWidth(code)));
  }

  private compoundJson(code: number, depth: number): string {
    const inner = this.inside(this.length(variable(code)));
    const count = inner.length(code);
    if (count > inner.end - inner.position) throw new MalformedAmqp(`${count} values in ${inner.end} bytes`);
    if ((code & 0x0f) === 0) {
      const items: string[] = [];
      for (let i = 0; i < count; i++) items.push(inner.json(depth + 1));
      return `[${items.join(',')}]`;
    }
    if (count % 2 !== 0) throw new MalformedAmqp('a map with a key without value');
    const entries = new Map<string, string>();
    for (let i = 0; i < count; i += 2) {
      const key = inner.json(depth + 1);
      // JSON has names only: a key that is no string stands as its text.
      entries.set(key.startsWith('"') ? (JSON.parse(key) as string) : key, inner.json(depth + 1));
    }
    const sorted = entries.size < 2 ? [...entries] : [...entries].toSorted(([a], [b]) => byCodePoint(a, b));
    return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
  }

  private arrayJson(code: number, depth: number): string {
    const inner = this.inside(this.length(variable(code)));
    const count = inner.length(code);
    let item = inner.byte();
    for (let i = 0; item === 0; i++) {
      if (i > DEPTH_MAX) throw new MalformedAmqp('descriptors nested too deep');
      inner.skip();
      item = inner.byte();
    }
    // Items without bytes (null, true, …) could be four thousand million in a few bytes.
    if (count > inner.end - inner.position + 255) throw new MalformedAmqp(`${count} array items in ${inner.end} bytes`);
    const items: string[] = [];
    for (let i = 0; i < count; i++) items.push(inner.valueJson(item, depth + 1));
    return `[${items.join(',')}]`;
  }

  private inside(length: number): AmqpReader {
    const start = this.take(length);
    return new AmqpReader(this.bytes, start, start + length);
  }
}

/** Orders text by code point, which is the byte order of its UTF-8 and not that of UTF-16. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isWide(code: number): boolean {
  return (code & 0x10) !== 0;
}

function fixedWidth(code: number): number {
  switch (code >>> 4) {
    case 4:
      return 0;
    case 5:
      return 1;
    case 6:
      return 2;
    case 7:
      return 4;
    case 8:
      return 8;
    case 9:
      return 16;
    default:
      throw new MalformedAmqp(`unknown type 0x${code.toString(16)}`);
  }
}

const VARIABLE_CODES = new Set([0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0]);

function variable(code: number): number {
  if (!VARIABLE_CODES.has(code)) throw new MalformedAmqp(`unknown type 0x${code.toString(16)}`);
  return code;
}

function fixedJson(bytes: Buffer, code: number, at: number): string {
  switch (code) {
    case 0x40:
      return 'null';
    case 0x41:
      return 'true';
    case 0x42:
      return 'false';
    case 0x56:
      return bytes[at] === 0 ? 'false' : 'true';
    case 0x72:
      return floatJson(bytes.readFloatBE(at));
    case 0x82:
      return floatJson(bytes.readDoubleBE(at));
    case 0x73:
      return charJson(bytes.readUInt32BE(at));
    case 0x83:
      return timestampJson(bytes.readBigInt64BE(at));
    case 0x74:
      return `"${decimalText(bytes.subarray(at, at + 4))}"`;
    case 0x84:
      return `"${decimalText(bytes.subarray(at, at + 8))}"`;
    case 0x94:
      return `"${decimalText(bytes.subarray(at, at + 16))}"`;
    case 0x98:
      return `"${bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}"`;
    default:
      return integerText(bytes, code, at);
  }
}

function integerText(bytes: Buffer, code: number, at: number): string {
  switch (code) {
    case 0x43:
    case 0x44:
      return '0';
    case 0x50:
    case 0x52:
    case 0x53:
      return String(bytes.readUInt8(at));
    case 0x51:
    case 0x54:
    case 0x55:
      return String(bytes.readInt8(at));
    case 0x60:
      return String(bytes.readUInt16BE(at));
    case 0x61:
      return String(bytes.readInt16BE(at));
    case 0x70:
      return String(bytes.readUInt32BE(at));
    case 0x71:
      return String(bytes.readInt32BE(at));
    case 0x80:
      return String(bytes.readBigUInt64BE(at));
    case 0x81:
      return String(bytes.readBigInt64BE(at));
    default:
      throw new MalformedAmqp(`unknown type 0x${code.toString(16)}`);
  }
}

function floatJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function charJson(codePoint: number): string {
  const exists = codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
  return JSON.stringify(String.fromCodePoint(exists ? codePoint : 0xfffd));
}

function timestampJson(ms: bigint): string {
  if (ms < TIMESTAMP_MS_MIN || ms > TIMESTAMP_MS_MAX) return String(ms);
  return `"${new Date(Number(ms)).toISOString()}"`;
}
