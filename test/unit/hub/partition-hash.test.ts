import { describe, expect, it } from 'vitest';
import { hashKey, partitionOfKey } from '../../../src/hub/partition-hash.ts';

/** Computed with the genuine JavaScript SDK: key, hash, partition of 2, 4, 8 and 32. */
const VECTORS: readonly [string, number, number, number, number, number][] = [
  ['', 0, 0, 0, 0, 0],
  ['a', -16220, 0, 0, 4, 28],
  ['1', 3270, 0, 2, 6, 6],
  ['test', -12036, 0, 0, 4, 4],
  ['Hello', 4746, 0, 2, 2, 10],
  ['enwiki', -6061, 1, 1, 5, 13],
  ['user:12345', 8867, 1, 3, 3, 3],
  ['partition-key', -15301, 1, 1, 5, 5],
  ['0123456789ab', -17054, 0, 2, 6, 30],
  ['0123456789abc', -4167, 1, 3, 7, 7],
  ['ключ', -32174, 0, 2, 6, 14],
  ['device-00000000000000000042', 16392, 0, 0, 0, 8],
];

describe('the partition of a key', () => {
  it.each(VECTORS)('%j goes where the service sends it', (key, hash, of2, of4, of8, of32) => {
    expect(hashKey(key)).toBe(hash);
    expect([2, 4, 8, 32].map((count) => partitionOfKey(key, count))).toEqual([of2, of4, of8, of32]);
  });
});
