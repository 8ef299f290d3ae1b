import { ProtocolViolation, uint32, afterValue } from './frame-parser.ts';

/** Beyond this no performative is nested; what is, comes from nobody who means well. */
const DEPTH_MAX = 16;
/** Items of an array that take no bytes: null, true, false, zero, the empty list. */
const EMPTY_ITEMS_MAX = 256;

/**
 * Looks through the performative of a control frame before rhea reads it: rhea believes what a list or an array says of
 * its length, and a few bytes could make it build four thousand million values.
 */
export function checkControlFrame(bytes: Buffer, start: number, end: number): void {
  const body = start + (bytes[start + 4] as number) * 4;
  if (body >= end) return;
  if (bytes[body] !== 0) throw new ProtocolViolation('a frame without a performative');
  checkValue(bytes, body, end, 0);
}

/** Checks the value at `at` and gives where the next one begins. */
function checkValue(bytes: Buffer, at: number, end: number, depth: number): number {
  if (depth > DEPTH_MAX) throw new ProtocolViolation('values nested too deep');
  if (at >= end) throw new ProtocolViolation('a value that begins after its end');
  const code = bytes[at] as number;
  if (code === 0) return checkValue(bytes, checkValue(bytes, at + 1, end, depth + 1), end, depth + 1);
  const after = afterValue(bytes, at, end, depth);
  if (code >= 0xc0) checkCompound(bytes, code, at + 1, after, depth);
  return after;
}

function checkCompound(bytes: Buffer, code: number, start: number, end: number, depth: number): void {
  const width = (code & 0x10) === 0 ? 1 : 4;
  if (end - start < 2 * width) throw new ProtocolViolation('a compound value without a count');
  const count = width === 1 ? (bytes[start + 1] as number) : uint32(bytes, start + 4);
  let at = start + 2 * width;
  if (code >= 0xe0) return checkArray(bytes, at, end, count, depth);
  for (let i = 0; i < count; i++) at = checkValue(bytes, at, end, depth + 1);
}

function checkArray(bytes: Buffer, start: number, end: number, count: number, depth: number): void {
  if (count === 0 && start === end) return;
  let at = start;
  // The descriptor of the items stands before their type.
  for (let i = 0; bytes[at] === 0 && at < end; i++) {
    if (i > DEPTH_MAX) throw new ProtocolViolation('descriptors nested too deep');
    at = checkValue(bytes, at + 1, end, depth + 1);
  }
  if (at >= end) throw new ProtocolViolation('an array without a type');
  const code = bytes[at] as number;
  // Arrays of lists, maps and arrays stand in no performative of the service.
  if (code >= 0xc0) throw new ProtocolViolation('an array of compound values');
  if (count > end - at + EMPTY_ITEMS_MAX) throw new ProtocolViolation(`${count} array items in ${end - at} bytes`);
}
