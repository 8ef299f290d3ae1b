import { describe, expect, test } from 'vitest';
import { measureAfterDrain, measureDrain, type DrainShape } from '../support/measured-drain.ts';

const MEMORY = '350MiB';
const even = (partitions: number, each: number): number[] => Array.from({ length: partitions }, () => each);
const huge = (partitions: number, events: number): number[] => [events, ...even(partitions - 1, 0)];

const shapes: readonly (readonly [string, DrainShape])[] = [
  ['200,000 events of 300 bytes over 4 partitions', { counts: even(4, 50_000), memory: MEMORY }],
  ['300 events of 1 MB over 4 partitions', { counts: even(4, 75), bodyBytes: 1_000_000, memory: MEMORY }],
  ['32 partitions with small events', { counts: even(32, 4_000), memory: MEMORY }],
  ['32 partitions with events of 1 MB', { counts: even(32, 8), bodyBytes: 1_000_000, memory: MEMORY }],
  ['one huge partition among 31 empty ones', { counts: huge(32, 150_000), memory: MEMORY }],
];

describe('a drain stays within the byte budget that its receipt names, whatever waits', () => {
  test.each(shapes)('%s', async (_title, shape) => {
    const { receipt, peakRssBytes } = await measureDrain(shape);
    const events = shape.counts.reduce((sum, count) => sum + count, 0);
    const rows = receipt.hubs.flatMap((hub) => hub.partitions).reduce((sum, partition) => sum + partition.rows, 0);
    expect([receipt.outcome, rows]).toEqual(['complete', events]);
    expect(receipt.memoryBytesMax).toBe(350 * 2 ** 20);
    expect(receipt.peakRssBytes).toBeGreaterThan(0);
    expect(peakRssBytes).toBeLessThanOrEqual(receipt.memoryBytesMax);
  });
});

const refined: readonly (readonly [string, DrainShape])[] = [
  ['400,000 events of 300 bytes', { counts: even(4, 100_000), memory: MEMORY, to: 'gold' }],
  ['300 events of 1 MB', { counts: even(4, 75), bodyBytes: 1_000_000, memory: MEMORY, to: 'gold' }],
  ['40,000 events of 3 kB', { counts: even(4, 10_000), bodyBytes: 3000, memory: MEMORY, to: 'gold' }],
];

describe('a run to gold stays within the byte budget too', () => {
  test.each(refined)('%s', async (_title, shape) => {
    const { receipt, peakRssBytes } = await measureDrain(shape);
    const events = shape.counts.reduce((sum, count) => sum + count, 0);
    expect(receipt.outcome).toBe('complete');
    expect(receipt.silver.map(({ rowsIn }) => rowsIn)).toContain(events);
    expect(peakRssBytes).toBeLessThanOrEqual(receipt.memoryBytesMax);
  });
});

test('silver is built anew within the byte budget where a megabyte of blanks stands behind every event', async () => {
  const shape = { counts: even(4, 150), bodyBytes: 1_000_000, blank: true, memory: '640MiB' };
  const { printed, peakRssBytes } = await measureAfterDrain(shape, ['rebuild', 'silver']);
  expect(printed).toMatchObject({ outcome: 'complete', exitCode: 0 });
  const legs = { table: 'silver/call_legs', outcome: 'complete', rowsIn: 600, accepted: 600 };
  expect(printed['tables']).toContainEqual(expect.objectContaining(legs));
  expect(peakRssBytes).toBeLessThanOrEqual(640 * 2 ** 20);
});
