import { isUtf8 } from 'node:buffer';

/**
 * Whether each of the texts from `first` on is UTF-8 by itself; text i ends at `ends[i]`. One look at the whole run,
 * and none begins in the middle of a code point.
 */
export function areUtf8(bytes: Uint8Array, ends: Uint32Array, first: number, count: number): boolean {
  if (count === 0) return true;
  const start = first === 0 ? 0 : (ends[first - 1] as number);
  const end = ends[first + count - 1] as number;
  if (!isUtf8(bytes.subarray(start, end))) return false;
  for (let i = first; i < first + count - 1; i++) {
    const begin = ends[i] as number;
    if (begin < end && ((bytes[begin] as number) & 0xc0) === 0x80) return false;
  }
  return true;
}
