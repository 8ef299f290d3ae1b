import { describe, expect, test } from 'vitest';
import { expectRun, readReceipts, type Receipt } from '../../../src/report/report.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { putText, signal } from '../../support/delta-fixtures.ts';

const NOTHING = { events: 0, rowsForSilver: 0, rowsForGold: 0 };

/** A run that took `startSeconds`, and in each layer so many seconds a thousand rows. */
function run(rows: number, secondsAThousand: number, startSeconds = 0.5): Receipt {
  const layer = (rows / 1000) * secondsAThousand;
  const steps = ['bronze', 'silver', 'gold'].map((step) => ({ step, seconds: layer, cpuSeconds: layer }));
  return {
    outcome: rows === 0 ? 'empty' : 'complete',
    to: 'gold',
    seconds: startSeconds + 3 * layer,
    hubs: [{ partitions: [{ rows }] }],
    silver: [{ rowsIn: rows }],
    steps,
    storageCalls: { reads: 10 + rows, writes: 5, lists: 4, deletes: 0 },
  } as unknown as Receipt;
}

describe('what a run is expected to take', () => {
  test('without history comes from defaults, and grows with what waits', () => {
    const idle = expectRun([], NOTHING);
    const busy = expectRun([], { ...NOTHING, events: 1_000_000 });
    expect(idle).toMatchObject({ basis: 'defaults', runs: 0 });
    expect(busy.seconds).toBeGreaterThan(idle.seconds + 10);
    expect(busy.cost.totalUsd).toBeGreaterThan(idle.cost.totalUsd);
  });

  test('with history is what its runs took, in proportion to the rows', () => {
    const history = [run(0, 0), run(100_000, 0.02), run(200_000, 0.02), run(50_000, 0.02)];
    const found = expectRun(history, { ...NOTHING, events: 400_000 });
    // 0.5 s around, and 0.02 s a thousand rows in each of three layers.
    expect(found.seconds).toBeCloseTo(0.5 + 3 * 8, 5);
    expect(found.secondsAnEvent).toBeCloseTo(0.00002, 8);
    expect(found).toMatchObject({ basis: 'history', runs: 4 });
    expect(expectRun(history, NOTHING).seconds).toBeCloseTo(0.5, 5);
  });

  test('is not moved by one run that met a bad hour, nor by runs that failed or went up to bronze alone', () => {
    const sound = [run(0, 0), run(100_000, 0.02), run(100_000, 0.02)];
    const odd = [
      run(100_000, 5),
      { ...run(100_000, 9), outcome: 'failed' },
      { ...run(100_000, 9), to: 'bronze' },
    ] as Receipt[];
    const work = { ...NOTHING, events: 100_000 };
    expect(expectRun([...sound, ...odd], work).seconds).toBeCloseTo(expectRun(sound, work).seconds, 5);
  });

  test('has rows that wait for silver or gold alone in it', () => {
    const history = [run(0, 0), run(100_000, 0.02)];
    expect(expectRun(history, { ...NOTHING, rowsForSilver: 100_000 }).seconds).toBeCloseTo(0.5 + 2 * 2, 5);
    expect(expectRun(history, { ...NOTHING, rowsForGold: 100_000 }).seconds).toBeCloseTo(0.5 + 2, 5);
  });
});

test('of a lake’s receipts the newest thirty are read, newest first; what is none is passed over', async () => {
  const store = openMemory();
  for (let at = 10; at < 50; at++) {
    await putText(store, `_sluice/reports/20260105T0000${at}Z-x.json`, JSON.stringify({ ...run(at, 0), runId: at }));
    await putText(store, `_sluice/reports/20260105T0000${at}Z-x.html`, '<p>');
  }
  await putText(store, '_sluice/reports/20260105T000049Z-y.json', '{"hubs": [');
  const found = await readReceipts(store, signal);
  expect(found).toHaveLength(29);
  expect(found.map(({ runId }) => runId).slice(0, 2)).toEqual([49, 48]);
});
