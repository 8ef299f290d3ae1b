const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const LETTER = { b: 0x62, e: 0x65, f: 0x66, n: 0x6e, r: 0x72, t: 0x74, u: 0x75, E: 0x45 } as const;

const limits = {
  /** Far below what the contract allows: whoever nests deeper is left to zod. */
  depthMax: 16,
  numberBytesMax: 1000,
} as const;

const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word));
const SIMPLE = new Set(Buffer.from('"\\/bfnrt'));

/** Behind the JSON value (RFC 8259) that begins at `at`; -1 where there is none, or a very deep one. */
export function skipValue(bytes: Uint8Array, at: number, end: number, depth = 0): number {
  if (at >= end || depth > limits.depthMax) return -1;
  const byte = bytes[at] as number;
  if (byte === QUOTE) return skipText(bytes, at, end);
  if (byte === 0x7b) return skipMembers(bytes, at + 1, end, depth);
  if (byte === 0x5b) return skipElements(bytes, at + 1, end, depth);
  if (byte === MINUS || isDigit(byte)) return skipNumber(bytes, at, end);
  for (const word of WORDS) {
    if (at + word.length <= end && word.every((letter, index) => bytes[at + index] === letter)) return at + word.length;
  }
  return -1;
}

/** Behind the text whose quote stands at `at`; -1 where there is none. */
export function skipText(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || bytes[at] !== QUOTE) return -1;
  for (let next = at + 1; next < end; next++) {
    const byte = bytes[next] as number;
    if (byte === QUOTE) return next + 1;
    if (byte < 0x20) return -1;
    if (byte !== BACKSLASH) continue;
    next += 1;
    if (next >= end) return -1;
    if (bytes[next] === LETTER.u) {
      if (hexAt(bytes, next + 1, end) < 0) return -1;
      next += 4;
    } else if (!SIMPLE.has(bytes[next] as number)) return -1;
  }
  return -1;
}

function skipMembers(bytes: Uint8Array, from: number, end: number, depth: number): number {
  let at = skipBlank(bytes, from, end);
  if (bytes[at] === 0x7d && at < end) return at + 1;
  for (;;) {
    at = skipText(bytes, at, end);
    if (at < 0) return -1;
    at = skipBlank(bytes, at, end);
    if (at >= end || bytes[at] !== COLON) return -1;
    at = skipValue(bytes, skipBlank(bytes, at + 1, end), end, depth + 1);
    if (at < 0) return -1;
    at = skipBlank(bytes, at, end);
    if (at >= end) return -1;
    if (bytes[at] === 0x7d) return at + 1;
    if (bytes[at] !== COMMA) return -1;
    at = skipBlank(bytes, at + 1, end);
  }
}

function skipElements(bytes: Uint8Array, from: number, end: number, depth: number): number {
  let at = skipBlank(bytes, from, end);
  if (bytes[at] === 0x5d && at < end) return at + 1;
  for (;;) {
    at = skipValue(bytes, at, end, depth + 1);
    if (at < 0) return -1;
    at = skipBlank(bytes, at, end);
    if (at >= end) return -1;
    if (bytes[at] === 0x5d) return at + 1;
    if (bytes[at] !== COMMA) return -1;
    at = skipBlank(bytes, at + 1, end);
  }
}

function skipNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const whole = skipDigits(bytes, at, end);
  if (whole === at || (bytes[at] === ZERO && whole > at + 1)) return -1;
  at = whole;
  if (at < end && bytes[at] === POINT) {
    const behind = skipDigits(bytes, at + 1, end);
    if (behind === at + 1) return -1;
    at = behind;
  }
  if (at < end && (bytes[at] === LETTER.e || bytes[at] === LETTER.E)) {
    at += 1;
    if (at < end && (bytes[at] === PLUS || bytes[at] === MINUS)) at += 1;
    const behind = skipDigits(bytes, at, end);
    if (behind === at) return -1;
    at = behind;
  }
  return at - from > limits.numberBytesMax ? -1 : at;
}

function skipDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at] as number)) at++;
  return at;
}

/** Behind the white space that may stand at `from`. */
export function skipBlank(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const byte = bytes[at];
    // Most bytes that are none are above it.
    if ((byte as number) > 0x20) break;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  return at;
}

/**
 * The code point of the escape whose letter stands at `at`; -1 where there is none, it is a control character or half
 * of a pair: no field's text has such a one.
 */
export function escapedAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const letter = bytes[at] as number;
  if (letter === QUOTE || letter === BACKSLASH || letter === 0x2f) return letter;
  if (letter !== LETTER.u) return -1;
  const unit = hexAt(bytes, at + 1, end);
  if (unit < 0x20 || unit === DELETE) return -1;
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || bytes[at + 5] !== BACKSLASH || bytes[at + 6] !== LETTER.u) return -1;
  const low = hexAt(bytes, at + 7, end);
  return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : -1;
}

/** Bytes from the letter of an escape on that stand for this code point. */
export function escapeLength(bytes: Uint8Array, at: number, codePoint: number): number {
  if (bytes[at] !== LETTER.u) return 1;
  return codePoint > 0xffff ? 11 : 5;
}

/** Behind the code point, in UTF-8. */
export function putCodePoint(out: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    out[at] = codePoint;
    return at + 1;
  }
  if (codePoint < 0x800) {
    out[at] = 0xc0 | (codePoint >> 6);
    out[at + 1] = 0x80 | (codePoint & 0x3f);
    return at + 2;
  }
  if (codePoint < 0x10000) {
    out[at] = 0xe0 | (codePoint >> 12);
    out[at + 1] = 0x80 | ((codePoint >> 6) & 0x3f);
    out[at + 2] = 0x80 | (codePoint & 0x3f);
    return at + 3;
  }
  out[at] = 0xf0 | (codePoint >> 18);
  out[at + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((codePoint >> 6) & 0x3f);
  out[at + 3] = 0x80 | (codePoint & 0x3f);
  return at + 4;
}

/** Four hexadecimal digits, -1 where they are none. */
function hexAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let index = at; index < at + 4; index++) {
    const byte = bytes[index] as number;
    const lower = byte | 0x20;
    if (isDigit(byte)) value = value * 16 + byte - ZERO;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
    else return -1;
  }
  return value;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}
