/**
 * The partition of a key, as the service picks it: lookup3 (Bob Jenkins) over the UTF-8 bytes, both halves folded
 * to 16 bits, remainder by the number of partitions.
 */
export function partitionOfKey(key: string, partitionCount: number): number {
  return Math.abs(hashKey(key) % partitionCount);
}

/** -32768..32767. */
export function hashKey(key: string): number {
  const [c, b] = lookup3(Buffer.from(key, 'utf8'));
  return ((c ^ b) << 16) >> 16;
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

function lookup3(bytes: Buffer): [c: number, b: number] {
  let a = (0xdeadbeef + bytes.length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  while (bytes.length - at > 12) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    [a, b, c] = mix(a, b, c);
    at += 12;
  }
  if (bytes.length === at) return [c, b];
  const tail = Buffer.alloc(12);
  bytes.copy(tail, 0, at);
  a = (a + tail.readInt32LE(0)) | 0;
  b = (b + tail.readInt32LE(4)) | 0;
  c = (c + tail.readInt32LE(8)) | 0;
  return finish(a, b, c);
}

function mix(a: number, b: number, c: number): [number, number, number] {
  a = ((a - c) ^ rotate(c, 4)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotate(a, 6)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotate(b, 8)) | 0;
  b = (b + a) | 0;
  a = ((a - c) ^ rotate(c, 16)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotate(a, 19)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotate(b, 4)) | 0;
  b = (b + a) | 0;
  return [a, b, c];
}

function finish(a: number, b: number, c: number): [c: number, b: number] {
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return [c, b];
}
