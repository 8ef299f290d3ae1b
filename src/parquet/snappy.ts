const KIND = { literal: 0, nearCopy: 1, copy: 2 } as const;
/** A literal whose length stands in the bytes behind its tag, from one of them on. */
const LONG_LITERAL = 60;

/** From so many bytes on the platform's own copy is faster than a loop. */
const MOVE_FROM = 48;

/**
 * Decompresses a block of snappy's raw format (google/snappy, format_description.txt) of which the length is known.
 * Throws a RangeError where the bytes are no such block; it ends whatever they are.
 */
export function unsnappy(stored: Uint8Array, rawBytes: number): Uint8Array {
  const raw = new Uint8Array(rawBytes);
  const end = stored.length;
  let at = skipLength(stored, rawBytes);
  let filled = 0;
  while (at < end) {
    const tag = stored[at++] as number;
    const kind = tag & 3;
    const head = tag >> 2;
    let length = head + 1;
    if (kind === KIND.literal) {
      if (head >= LONG_LITERAL) {
        const bytes = head - LONG_LITERAL + 1;
        length = 1 + littleEndian(stored, at, bytes);
        at += bytes;
      }
      if (at + length > end || filled + length > rawBytes) throw broken('a literal is too long');
      if (length < MOVE_FROM)
        for (let byte = 0; byte < length; byte++) raw[filled + byte] = stored[at + byte] as number;
      else raw.set(stored.subarray(at, at + length), filled);
      at += length;
    } else {
      const bytes = kind === KIND.nearCopy ? 1 : kind === KIND.copy ? 2 : 4;
      let offset = littleEndian(stored, at, bytes);
      at += bytes;
      if (kind === KIND.nearCopy) {
        length = 4 + (head & 7);
        offset += (tag >> 5) << 8;
      }
      const from = filled - offset;
      if (offset === 0 || from < 0 || filled + length > rawBytes) throw broken('a copy is of nothing');
      // Never more than 64 bytes, and it may overlap itself.
      for (let byte = 0; byte < length; byte++) raw[filled + byte] = raw[from + byte] as number;
    }
    filled += length;
  }
  if (filled !== rawBytes) throw broken('it is too short');
  return raw;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) throw broken('it ends within a length');
  let value = bytes[at] as number;
  if (count > 1) value |= (bytes[at + 1] as number) << 8;
  if (count > 2) value |= (bytes[at + 2] as number) << 16;
  return count > 3 ? value + (bytes[at + 3] as number) * 0x1000000 : value;
}

/** The length that a block begins with has to be the one that is known. */
function skipLength(stored: Uint8Array, rawBytes: number): number {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = stored[at] ?? 0;
    length += (byte & 0x7f) * 0x80 ** at;
    if (byte < 0x80) {
      if (length !== rawBytes) throw broken('its length is another');
      return at + 1;
    }
  }
  throw broken('its length is another');
}

function broken(why: string): RangeError {
  return new RangeError(`a snappy block cannot be read: ${why}`);
}
