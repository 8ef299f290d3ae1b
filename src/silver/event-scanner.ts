import { isUtf8 } from 'node:buffer';
import { timestampUs } from '../../schemas/timestamp.ts';
import type { AcceptedColumns, TextColumn } from './accepted-columns.ts';
import { integerBounds, type EventRules, type RuledField } from './event-rules.ts';
import { escapedAt, escapeLength, putCodePoint, skipBlank, skipText, skipValue } from './skip-json.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENS = 0x7b;
const CLOSES = 0x7d;

const limits = {
  /** Unknown names that are told apart by their bytes; with one more all are forgotten. */
  unknownNamesMax: 64,
  /** Digits that a double holds, and one more: what is longer is out of every range. */
  digitsMax: 16,
  timestampBytesMax: 40,
  /** Of a code point in JSON: two escapes of six bytes. */
  codePointBytesMax: 12,
} as const;

/** 1 for the bytes of a text that stand for themselves: ASCII without quote, backslash and control characters. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** Days whose first microsecond is known, by month and day of the month. */
const DAY_SLOTS = 13 * 32;
const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const HOUR_US = 60 * MINUTE_US;
const DAY_US = 24 * HOUR_US;
/** Below whatever is added to it. */
const NOT_DIGITS = -1e9;
const NO_NAMES: readonly string[] = [];
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
/** What the last digit of a fraction counts, by its digits. */
const FRACTION_UNIT_US = [0, 100_000, 10_000, 1000, 100, 10, 1];

/** A name that bodies had: of a field, or one that the contract does not have. */
interface Member {
  readonly name: string;
  /** With its quotes. */
  readonly bytes: Uint8Array;
  readonly target: Target | undefined;
  /** What stood behind it last time, which is looked for first. */
  next: Member | undefined;
  /** Number of the body that had it last. */
  body: number;
}

const KIND = { text: 0, integer: 1, timestamp: 2, flag: 3 } as const;

interface Target {
  /** Place of the field in the contract. */
  readonly at: number;
  readonly name: string;
  readonly kind: (typeof KIND)[keyof typeof KIND];
  readonly isOptional: boolean;
  readonly low: number;
  readonly high: number;
  readonly text: TextColumn | undefined;
}

interface PlacedOrder {
  readonly first: number;
  readonly second: number;
}

/**
 * Reads events out of the bytes of their bodies straight into columns, in one pass and without an object or a string a
 * field (domain section 1). It accepts or leaves: what it takes is an event by the contract, with the values that zod
 * gives; what it leaves is for zod to judge, be it bad or only odd (a name with an escape, a text with a control
 * character, very deep values).
 */
export class EventScanner {
  /** Of the body scanned last, where it was accepted: names that the contract does not have. */
  unknown: readonly string[] = NO_NAMES;
  readonly #columns: AcceptedColumns;
  readonly #targets: readonly Target[];
  readonly #orders: readonly PlacedOrder[];
  readonly #known = new Map<string, Member>();
  readonly #unknown = new Map<string, Member>();
  #first: Member | undefined;
  #body = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** Fields met. */
  #found = 0;
  #fractionUs = 0;
  /** A byte beyond ASCII was met, so that the body has to be UTF-8. */
  #isWide = false;
  readonly #days = new Int32Array(DAY_SLOTS);
  readonly #dayUs = new Float64Array(DAY_SLOTS);

  constructor({ fields, orders }: EventRules, columns: AcceptedColumns) {
    this.#columns = columns;
    this.#targets = fields.map((field, at) => targetOf(field, at, columns));
    const placeOf = (name: string): number => fields.findIndex((field) => field.name === name);
    this.#orders = orders.map(({ first, second }) => ({ first: placeOf(first), second: placeOf(second) }));
    for (const target of this.#targets) {
      const { name } = target;
      this.#known.set(name, { name, bytes: Buffer.from(`"${name}"`), target, next: undefined, body: 0 });
    }
  }

  /** Whether the body is an event; its values then stand in the open row of the columns. Never throws. */
  scan(bytes: Uint8Array, from: number, end: number): boolean {
    this.#bytes = bytes;
    this.#end = end;
    this.#isWide = false;
    this.#found = 0;
    this.#body += 1;
    this.unknown = NO_NAMES;
    let at = skipBlank(bytes, from, end);
    if (at >= end || bytes[at] !== OPENS) return false;
    at = this.#members(at + 1);
    if (at < 0 || skipBlank(bytes, at, end) !== end) return false;
    if (this.#found < this.#targets.length && !this.#fillMissing()) return false;
    const { numbers } = this.#columns;
    for (let order = 0; order < this.#orders.length; order++) {
      const { first, second } = this.#orders[order] as PlacedOrder;
      if (!((numbers[second] as number) >= (numbers[first] as number))) return false;
    }
    return !this.#isWide || isUtf8(bytes.subarray(from, end));
  }

  /** Behind the bracket that closes the object, whose first member begins at `from`; -1: no event for us. */
  #members(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    let before: Member | undefined;
    for (;;) {
      at = skipBlank(bytes, at, end);
      const guess = before === undefined ? this.#first : before.next;
      let member = guess;
      let behind = guess === undefined ? -1 : behindOf(bytes, at, end, guess.bytes);
      if (behind < 0) {
        behind = skipText(bytes, at, end);
        member = behind < 0 ? undefined : this.#lookUp(at, behind);
      }
      if (member === undefined || member.body === this.#body) return -1;
      if (member !== guess) {
        if (before === undefined) this.#first = member;
        else before.next = member;
      }
      member.body = this.#body;
      at = skipBlank(bytes, behind, end);
      if (at >= end || bytes[at] !== COLON) return -1;
      at = skipBlank(bytes, at + 1, end);
      at = member.target === undefined ? this.#skip(member.name, at) : this.#value(member.target, at);
      if (at < 0) return -1;
      at = skipBlank(bytes, at, end);
      if (at >= end) return -1;
      if (bytes[at] === CLOSES) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at += 1;
      before = member;
    }
  }

  /** The member whose name stands there with its quotes. One name has many spellings: with an escape it is not ours. */
  #lookUp(from: number, end: number): Member | undefined {
    for (let at = from; at < end; at++) if (this.#bytes[at] === BACKSLASH) return undefined;
    const bytes = Buffer.from(this.#bytes.subarray(from, end));
    // Bytes that are not UTF-8 are no name.
    if (!isUtf8(bytes)) return undefined;
    const name = bytes.toString('utf8', 1, bytes.length - 1);
    const member = this.#known.get(name) ?? this.#unknown.get(name);
    if (member !== undefined) return member;
    // One that is forgotten within a body could come twice: that body is left.
    if (this.#unknown.size >= limits.unknownNamesMax) return this.#forget();
    const made: Member = { name, bytes, target: undefined, next: undefined, body: 0 };
    this.#unknown.set(name, made);
    return made;
  }

  #forget(): undefined {
    this.#unknown.clear();
    this.#first = undefined;
    for (const member of this.#known.values()) member.next = undefined;
  }

  #skip(name: string, at: number): number {
    // What it skips may hold any bytes.
    this.#isWide = true;
    this.unknown = [...this.unknown, name];
    return skipValue(this.#bytes, at, this.#end);
  }

  /** Behind the value that begins at `at`; -1 where it is none of the field's. */
  #value(target: Target, at: number): number {
    this.#found += 1;
    if (target.isOptional) {
      const behind = behindOf(this.#bytes, at, this.#end, NULL);
      if (behind > 0) {
        this.#columns.setNull(target.at);
        return behind;
      }
    }
    switch (target.kind) {
      case KIND.text:
        return this.#text(target, at);
      case KIND.integer:
        return this.#integer(target, at);
      case KIND.timestamp:
        return this.#timestamp(target, at);
      default:
        return this.#flag(target, at);
    }
  }

  #text({ low, high, text }: Target, quoteAt: number): number {
    const bytes = this.#bytes;
    if (bytes[quoteAt] !== QUOTE) return -1;
    let at = quoteAt + 1;
    // A longer one has too many code points, however they are written.
    const stop = Math.min(this.#end, at + limits.codePointBytesMax * high + 1);
    const column = text as TextColumn;
    const from = column.begin(stop - at);
    const { out } = column;
    let to = from;
    /** Bytes that do not begin a code point. */
    let further = 0;
    for (;;) {
      let byte = 0;
      for (; at < stop; at++) {
        byte = bytes[at] as number;
        if (IS_PLAIN[byte] === 0) break;
        out[to++] = byte;
      }
      if (at >= stop) return -1;
      at += 1;
      if (byte === QUOTE) break;
      if (byte >= 0x80) {
        this.#isWide = true;
        if (byte < 0xc0) further += 1;
        out[to++] = byte;
      } else if (byte === BACKSLASH) {
        const codePoint = escapedAt(bytes, at, this.#end);
        if (codePoint < 0) return -1;
        at += escapeLength(bytes, at, codePoint);
        const next = putCodePoint(out, to, codePoint);
        further += next - to - 1;
        to = next;
      } else return -1;
    }
    const codePoints = to - from - further;
    if (codePoints < low || codePoints > high) return -1;
    column.end(to);
    return at;
  }

  #integer({ at: place, low, high }: Target, from: number): number {
    const bytes = this.#bytes;
    const isNegative = bytes[from] === MINUS;
    const first = isNegative ? from + 1 : from;
    let at = first;
    let value = 0;
    for (; at < this.#end; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    const count = at - first;
    if (count === 0 || count > limits.digitsMax || (count > 1 && bytes[first] === ZERO)) return -1;
    // 0 - 0 is 0, and not -0.
    if (isNegative) value = 0 - value;
    if (value < low || value > high) return -1;
    this.#columns.setNumber(place, value);
    return at;
  }

  #flag({ at: place }: Target, from: number): number {
    const behind = behindOf(this.#bytes, from, this.#end, TRUE);
    this.#columns.setNumber(place, behind > 0 ? 1 : 0);
    return behind > 0 ? behind : behindOf(this.#bytes, from, this.#end, FALSE);
  }

  /** In UTC on a day met before by its digits; any other by the contract's own reading. */
  #timestamp(target: Target, quoteAt: number): number {
    const bytes = this.#bytes;
    const from = quoteAt + 1;
    // The shortest has twenty characters, and a quote behind them.
    if (bytes[quoteAt] !== QUOTE || from + 21 > this.#end) return -1;
    const month = digits(bytes, from + 5);
    const day = digits(bytes, from + 8);
    const date = digits(bytes, from) * 1_000_000 + digits(bytes, from + 2) * 10_000 + month * 100 + day;
    const slot = month * 32 + day;
    if (date > 0 && this.#days[slot] === date) {
      const hour = digits(bytes, from + 11);
      const minute = digits(bytes, from + 14);
      const second = digits(bytes, from + 17);
      const isForm =
        bytes[from + 4] === MINUS &&
        bytes[from + 7] === MINUS &&
        bytes[from + 10] === 0x54 &&
        bytes[from + 13] === COLON &&
        bytes[from + 16] === COLON;
      const isTime = hour <= 23 && minute <= 59 && second <= 59 && hour + minute + second >= 0;
      const end = isForm && isTime ? this.#fraction(from + 19) : -1;
      if (end > 0 && bytes[end] === 0x5a && bytes[end + 1] === QUOTE && end + 1 < this.#end) {
        const us = (this.#dayUs[slot] as number) + hour * HOUR_US + minute * MINUTE_US + second * SECOND_US;
        this.#columns.setNumber(target.at, us + this.#fractionUs);
        return end + 2;
      }
    }
    return this.#anyTimestamp(target, from, date, slot);
  }

  /** Behind the fraction of a second that begins at `at`, if there is one; -1 where it is none. */
  #fraction(at: number): number {
    const bytes = this.#bytes;
    this.#fractionUs = 0;
    if (bytes[at] !== POINT) return at;
    let next = at + 1;
    let value = 0;
    for (; next < this.#end; next++) {
      const digit = (bytes[next] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      if (next - at <= 6) value = value * 10 + digit;
    }
    const count = next - at - 1;
    this.#fractionUs = value * (FRACTION_UNIT_US[Math.min(count, 6)] as number);
    return count >= 1 && count <= 9 ? next : -1;
  }

  #anyTimestamp({ at: place }: Target, from: number, date: number, slot: number): number {
    const bytes = this.#bytes;
    let end = from;
    while (end < this.#end && bytes[end] !== QUOTE && end - from <= limits.timestampBytesMax) end++;
    if (end >= this.#end || bytes[end] !== QUOTE) return -1;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString('latin1');
    const us = timestampUs(text);
    if (us === undefined) return -1;
    this.#columns.setNumber(place, us);
    if (text.endsWith('Z')) {
      this.#days[slot] = date;
      this.#dayUs[slot] = us - (us % DAY_US);
    }
    return end + 1;
  }

  /** The fields that the body does not have: null where they may be. */
  #fillMissing(): boolean {
    for (const { name, isOptional, at } of this.#targets) {
      if (this.#known.get(name)?.body === this.#body) continue;
      if (!isOptional) return false;
      this.#columns.setNull(at);
    }
    return true;
  }
}

function targetOf(field: RuledField, at: number, columns: AcceptedColumns): Target {
  const { name, kind, optional: isOptional } = field;
  const [low, high] = kind === 'integer' ? integerBounds(field) : [field.low, field.high];
  return { at, name, kind: KIND[kind], isOptional, low, high, text: columns.textColumn(at) };
}

/** Behind these bytes, where they stand at `at`; else -1. */
function behindOf(bytes: Uint8Array, at: number, end: number, expected: Uint8Array): number {
  const { length } = expected;
  if (at + length > end) return -1;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== expected[index]) return -1;
  return at + length;
}

/** Two digits as a number, one below zero where they are none. */
function digits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - ZERO;
  const ones = (bytes[at + 1] as number) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NOT_DIGITS;
}
