import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readSnapshot } from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { arrival, call, leg } from '../../support/call-centre-events.ts';
import { dyingStore } from '../../support/dying-store.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const TOKYO = 'Asia/Tokyo';

interface Counted {
  readonly numRecords: number;
}

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

/** Events of one moment each side of midnight, in three commits, some of them rejected. */
async function fill(on: SmallLake): Promise<void> {
  await on.bronze('call_legs', [leg({}, { sequence: 1 }), leg({ leg_id: 'l2', area: 'x' }, { sequence: 2 })]);
  await on.bronze('call_legs', [
    leg({ area: 'late', produced_at: '2026-01-06T00:00:00Z' }, { sequence: 3 }),
    arrival('call_legs', 'no json', { sequence: 4 }),
  ]);
  await on.bronze('call_legs', [leg({ call_id: 'c2', started_at: '2026-01-07T02:00:00Z' }, { sequence: 5 })]);
  await on.bronze('ivr_calls', [call({}, { sequence: 6 }), arrival('ivr_calls', '[]', { sequence: 7 })]);
}

async function contents(on: SmallLake): Promise<Record<string, string[]>> {
  const roots = [
    'silver/call_legs',
    'silver/ivr_calls',
    'silver/rejected_events',
    'gold/agent_daily',
    'gold/queue_daily',
  ];
  const found: Record<string, string[]> = {};
  for (const root of roots) found[root] = (await on.rows(root)).map((row) => JSON.stringify(row)).toSorted();
  return found;
}

async function fresh(timeZone: string): Promise<Record<string, string[]>> {
  const other = new SmallLake(workshop, timeZone);
  await fill(other);
  await other.run();
  return contents(other);
}

describe('rebuild silver', () => {
  test('gives what a fresh run gives, in slices of any size, and the next run has nothing to do', async () => {
    await fill(lake);
    await lake.run();
    for (const sliceBytesMax of [1, 1 << 25]) {
      const outcome = await lake.rebuildSilver('call_legs', { sliceBytesMax });
      expect(outcome).toEqual({
        dataset: 'call_legs',
        outcome: 'complete',
        rowsIn: 5,
        accepted: 4,
        rejected: 1,
        rows: 3,
      });
      expect((await lake.silver('call_legs')).outcome).toBe('empty');
      expect((await lake.gold('agent_daily')).daysRewritten).toEqual([]);
    }
    expect(await contents(lake)).toEqual(await fresh(lake.timeZone));
  });

  test('another time zone: a run is refused, and after rebuild all is as of a fresh run', async () => {
    await fill(lake);
    await lake.run();
    const moved = new SmallLake(workshop, TOKYO, lake.store);
    moved.fence = 2;
    await expect(moved.silver('call_legs')).rejects.toMatchObject({ code: 'time_zone_mismatch', exitCode: 2 });
    for (const dataset of ['call_legs', 'ivr_calls', 'surveys']) await moved.rebuildSilver(dataset);
    await moved.run();
    expect(await contents(moved)).toEqual(await fresh(TOKYO));
    const { configuration } = present(await moved.snapshot('silver/call_legs'));
    expect(configuration['sluice.timeZone']).toBe(TOKYO);
  });

  test('another contract: columns, partition and hash of the table are those of now', async () => {
    await fill(lake);
    await lake.run();
    const options = lake.silverOptions('call_legs');
    const columns = options.dataset.silver.columns.filter(({ name }) => name !== 'period');
    const silver = { ...options.dataset.silver, columns, partitionColumns: ['end_date'] };
    const dataset = { ...options.dataset, silver, dayColumn: 'end_date' };
    await expect(lake.silver('call_legs', { dataset })).rejects.toMatchObject({
      code: 'contract_changed',
      exitCode: 2,
    });
    expect((await lake.rebuildSilver('call_legs', { dataset })).rows).toBe(3);
    const after = present(await lake.snapshot('silver/call_legs'));
    expect(after.contract.columns).toEqual(columns);
    expect(after.contract.partitionColumns).toEqual(['end_date']);
    expect((await lake.silver('call_legs', { dataset })).outcome).toBe('empty');
  });

  test('rejected events of other datasets stay, also where one file holds both', async () => {
    await fill(lake);
    await lake.run();
    const before = await lake.rows('silver/rejected_events');
    const { compactTable } = await import('../../../src/delta/delta.ts');
    const { openDatabase, scratch, fence, ...context } = lake.tools();
    const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: undefined };
    await compactTable(lake.table('silver/rejected_events'), options, signal);
    expect(present(await lake.snapshot('silver/rejected_events')).files.size).toBe(1);
    await lake.rebuildSilver('call_legs');
    const sorted = (rows: typeof before) => rows.map((row) => JSON.stringify(row)).toSorted();
    expect(sorted(await lake.rows('silver/rejected_events'))).toEqual(sorted(before));
  });

  test('bodies that are small in their files and large in memory are taken a part at a time', async () => {
    // Of one day, so that a commit is one file: the first has more than a part takes, the others together.
    const blank = (at: number) => arrival('call_legs', `${at}${' '.repeat(2 ** 20)}`, { sequence: 2 * at });
    const sizes = [50, 12, 12, 12, 12];
    for (const [commit, size] of sizes.entries()) {
      await lake.bronze(
        'call_legs',
        Array.from({ length: size }, (_, at) => blank(100 * commit + at)),
      );
    }
    const rows = sizes.reduce((sum, size) => sum + size, 0);
    const bodyBytesMax = 40 * 2 ** 20;
    const outcome = await lake.rebuildSilver('call_legs', { bodyBytesMax });
    expect(outcome).toMatchObject({ rowsIn: rows, rejected: rows, rows: 0 });
    const { files } = present(await lake.snapshot('silver/rejected_events'));
    const counts = [...files.values()].map(({ statistics = '{}' }) => (JSON.parse(statistics) as Counted).numRecords);
    // Each part leaves a file of what it rejected.
    expect(Math.max(...counts)).toBeLessThanOrEqual(40);
    expect(counts).toEqual([25, 25, 36, 12]);
    const numbers = (await lake.rows('silver/rejected_events')).map((row) => row['sequence_number']);
    expect(new Set(numbers).size).toBe(rows);
  });

  test('a stop leaves both tables as they are', async () => {
    await fill(lake);
    await lake.silver('call_legs');
    const before = present(await lake.snapshot('silver/call_legs')).version;
    expect((await lake.rebuildSilver('call_legs', { stop: AbortSignal.abort() })).outcome).toBe('stopped');
    expect(present(await lake.snapshot('silver/call_legs')).version).toBe(before);
  });

  test('a lake without bronze has nothing to build from', async () => {
    expect((await lake.rebuildSilver('call_legs')).outcome).toBe('empty');
  });

  test('a file removed by another writer before silver read it: exit 5 names rebuild, which mends it', async () => {
    await fill(lake);
    await lake.silver('call_legs');
    await lake.bronze('call_legs', [leg({ call_id: 'c3' }, { sequence: 8 })]);
    await lake.bronze('call_legs', [leg({ call_id: 'c4' }, { sequence: 10 })]);
    const { compactTable } = await import('../../../src/delta/delta.ts');
    const { openDatabase, scratch, fence, ...context } = lake.tools();
    const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: undefined };
    const before = [...present(await lake.snapshot('bronze/call_legs')).files.keys()];
    await compactTable(lake.table('bronze/call_legs'), options, signal);
    const live = present(await readSnapshot(lake.table('bronze/call_legs'), signal)).files;
    for (const path of before.filter((name) => !live.has(name)))
      await lake.store.delete(`bronze/call_legs/${path}`, signal);
    // Another machine, without copies of what is gone.
    const elsewhere = await openWorkshop();
    const reader = new SmallLake(elsewhere, lake.timeZone, lake.store);
    await expect(reader.silver('call_legs')).rejects.toThrow(/run `rebuild/);
    await expect(reader.silver('call_legs')).rejects.toMatchObject({ code: 'table_corrupt', exitCode: 5 });
    expect((await reader.rebuildSilver('call_legs')).rows).toBe(5);
    expect((await reader.silver('call_legs')).outcome).toBe('empty');
    await elsewhere.close();
  });
});

describe('killed at any call to the lake', () => {
  test('both tables are right at what their txn say, and the next rebuild and run bring all [I7]', async () => {
    const whole = await fresh(TOKYO);
    let kills = 0;
    for (let at = 1; ; at++) {
      const store = openMemory();
      const first = new SmallLake(workshop, 'America/Sao_Paulo', store);
      await fill(first);
      await first.run();
      const dying = new SmallLake(workshop, TOKYO, dyingStore(store, at));
      dying.fence = 2;
      const died = await dying.rebuildSilver('call_legs').then(
        () => false,
        () => true,
      );
      const next = new SmallLake(workshop, TOKYO, store);
      next.fence = 3;
      for (const dataset of ['call_legs', 'ivr_calls', 'surveys']) await next.rebuildSilver(dataset);
      await next.run();
      expect(await contents(next)).toEqual(whole);
      if (!died) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(3);
  });
});
