import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MemoryShares } from '../../../src/base/memory-shares.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { leg } from '../../support/call-centre-events.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(async () => {
  lake = new SmallLake(workshop);
  await lake.agents([]);
  await lake.bronze('call_legs', [leg({}), leg({ call_id: 'c2', started_at: '2026-01-08T12:00:00Z' })]);
  await lake.run();
});

async function days(): Promise<string[]> {
  return (await lake.rows('gold/agent_daily')).map((row) => `${row['date']} ${row['handled_legs']}`).toSorted();
}

test('every day is computed anew, and what changed since is applied too', async () => {
  await lake.bronze('call_legs', [leg({ leg_id: 'l2' })]);
  await lake.silver('call_legs');
  const outcome = await lake.gold('agent_daily', { rebuild: 'all' });
  expect(outcome).toMatchObject({ outcome: 'complete', daysRewritten: ['2026-01-05', '2026-01-08'], rowsWritten: 2 });
  expect(await days()).toEqual(['2026-01-05 2', '2026-01-08 1']);
  expect((await lake.gold('agent_daily')).outcome).toBe('empty');
});

test('one day asked for: that day and the touched ones, so that the view is as its txn say [I8]', async () => {
  await lake.bronze('call_legs', [leg({ leg_id: 'l2' })]);
  await lake.silver('call_legs');
  const outcome = await lake.gold('agent_daily', { rebuild: ['2026-01-08'] });
  expect(outcome.daysRewritten).toEqual(['2026-01-05', '2026-01-08']);
  expect(await days()).toEqual(['2026-01-05 2', '2026-01-08 1']);
  expect((await lake.gold('agent_daily', { rebuild: ['2026-01-08'] })).daysRewritten).toEqual(['2026-01-08']);
  expect((await lake.gold('agent_daily', { rebuild: ['2025-01-01'] })).daysRewritten).toEqual([]);
});

test('days asked for take memory by their files; every day takes all of it', async () => {
  class Recorded extends MemoryShares {
    readonly shares: number[] = [];
    override within<T>(share: number, action: () => Promise<T>): Promise<T> {
      this.shares.push(share);
      return super.within(share, action);
    }
  }
  const memory = new Recorded();
  await lake.gold('agent_daily', { memory, rebuild: ['2026-01-08'] });
  await lake.gold('agent_daily', { memory, rebuild: ['2026-01-05', '2026-01-08'] });
  await lake.gold('agent_daily', { memory, rebuild: 'all' });
  const [one = 0, two = 0, all] = memory.shares;
  expect(one).toBeGreaterThan(0);
  expect(two).toBeGreaterThan(one);
  expect(two).toBeLessThan(0.01);
  expect(all).toBe(1);
});

test('silver files that are gone before gold compared them: refused, and every day anew mends it', async () => {
  await lake.bronze('call_legs', [leg({ leg_id: 'l2', produced_at: '2026-01-09T00:00:00Z' })]);
  const before = [...present(await lake.snapshot('silver/call_legs')).files.keys()];
  await lake.silver('call_legs');
  const live = present(await lake.snapshot('silver/call_legs')).files;
  const signal = new AbortController().signal;
  for (const path of before.filter((name) => !live.has(name))) {
    await lake.store.delete(`silver/call_legs/${path}`, signal);
  }
  // Another machine, without copies of what is gone.
  const elsewhere = await openWorkshop();
  const reader = new SmallLake(elsewhere, lake.timeZone, lake.store);
  await expect(reader.gold('agent_daily')).rejects.toThrow(/run `rebuild/);
  await reader.gold('agent_daily', { rebuild: 'all' });
  await elsewhere.close();
  expect(await days()).toEqual(['2026-01-05 2', '2026-01-08 1']);
});

test('a view of another version gets the columns of now', async () => {
  const view = present(callCentre.gold.find(({ name }) => name === 'agent_daily'));
  const table = { ...view.table, columns: view.table.columns.filter(({ name }) => name !== 'supervisor_name') };
  await expect(lake.gold('agent_daily', { view: { ...view, table } })).rejects.toMatchObject({
    code: 'table_conflict',
  });
  await lake.gold('agent_daily', { view: { ...view, table }, rebuild: 'all' });
  expect(present(await lake.snapshot('gold/agent_daily')).contract.columns).toEqual(table.columns);
  expect((await lake.gold('agent_daily', { view: { ...view, table } })).outcome).toBe('empty');
});
