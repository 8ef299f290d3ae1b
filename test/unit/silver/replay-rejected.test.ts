import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { DatasetContract } from '../../../schemas/contract.ts';
import { text } from '../../../schemas/event-fields.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { arrival, call, leg } from '../../support/call-centre-events.ts';
import { dyingStore } from '../../support/dying-store.ts';
import { withFields } from '../../support/event-object.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

let workshop: Workshop;
let lake: SmallLake;
/** An earlier version of the contract, with a fault: areas of three letters at most. */
let faulty: DatasetContract;
beforeAll(async () => {
  workshop = await openWorkshop();
  const { dataset } = new SmallLake(workshop).silverOptions('call_legs');
  faulty = { ...dataset, event: withFields(dataset.event, { area: text(1, 3) }) };
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

/** Two legs refused by the fault, one of them twice, beside what stays refused and what was accepted. */
async function fill(on: SmallLake): Promise<void> {
  await on.bronze('call_legs', [
    leg({}, { sequence: 2 }),
    leg({ area: 'x' }, { sequence: 4 }),
    arrival('call_legs', 'no json', { sequence: 6 }),
  ]);
  await on.bronze('call_legs', [
    leg({ leg_id: 'l2' }, { sequence: 8 }),
    leg({ leg_id: 'l2', area: 'newer', produced_at: '2026-01-09T00:00:00Z' }, { sequence: 10 }),
  ]);
  await on.bronze('ivr_calls', [call({}, { sequence: 2 }), arrival('ivr_calls', '[]', { sequence: 4 })]);
}

async function contents(on: SmallLake): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const root of ['silver/call_legs', 'silver/ivr_calls', 'silver/rejected_events', 'gold/agent_daily']) {
    found[root] = (await on.rows(root)).map((row) => JSON.stringify(row)).toSorted();
  }
  return found;
}

/** As if the fault had never been. */
async function faultless(): Promise<Record<string, string[]>> {
  const other = new SmallLake(workshop);
  await fill(other);
  await other.run();
  return contents(other);
}

async function faultyRun(on: SmallLake): Promise<void> {
  await fill(on);
  await on.silver('call_legs', { dataset: faulty });
  await on.silver('ivr_calls');
  await on.silver('surveys');
  await on.gold('agent_daily');
}

describe('replay of rejected events after a fix', () => {
  test('all tables become what they are without the fault, in slices of any size', async () => {
    for (const sliceBytesMax of [1, 1 << 25]) {
      const on = new SmallLake(workshop);
      await faultyRun(on);
      expect(await on.rows('silver/rejected_events')).toHaveLength(5);
      const outcome = await on.replayRejected('call_legs', { sliceBytesMax });
      expect(outcome).toMatchObject({ outcome: 'complete', judged: 4, accepted: 3 });
      expect((await on.silver('call_legs')).outcome).toBe('empty');
      await on.gold('agent_daily');
      expect(await contents(on)).toEqual(await faultless());
    }
  });

  test('a second call has nothing to write, and without rejected events there is nothing to do', async () => {
    await faultyRun(lake);
    await lake.replayRejected('call_legs');
    const versions = async () => [
      (await lake.snapshot('silver/call_legs'))?.version,
      (await lake.snapshot('silver/rejected_events'))?.version,
    ];
    const before = await versions();
    expect(await lake.replayRejected('call_legs')).toMatchObject({ judged: 1, accepted: 0, written: 0 });
    expect(await versions()).toEqual(before);
    expect(await lake.replayRejected('surveys')).toMatchObject({ outcome: 'empty', judged: 0 });
  });

  test('only rows of the reason asked for are judged', async () => {
    await faultyRun(lake);
    expect(await lake.replayRejected('call_legs', { reason: 'not_json' })).toMatchObject({ judged: 1, accepted: 0 });
    expect(await lake.replayRejected('call_legs', { reason: 'range:area' })).toMatchObject({ judged: 3, accepted: 3 });
  });

  test('a row that is rejected for another reason now bears that one', async () => {
    await faultyRun(lake);
    const dataset = { ...faulty, event: withFields(faulty.event, { area: z.never() }) };
    await lake.replayRejected('call_legs', { dataset, reason: 'range:area' });
    const rows = await lake.rows('silver/rejected_events');
    const reasons = rows.filter((row) => row['dataset'] === 'call_legs').map((row) => row['reason']);
    expect(reasons.filter((reason) => reason === 'range:area')).toEqual([]);
    expect(reasons).toHaveLength(4);
  });

  test('bodies that are small in their files and large in memory are judged a few files at a time', async () => {
    const large = (id: string) => {
      const small = leg({ leg_id: id });
      return { ...small, body: `${small.body}${' '.repeat(2 ** 20)}` };
    };
    for (let commit = 0; commit < 4; commit++) {
      await lake.bronze(
        'call_legs',
        Array.from({ length: 12 }, (_, at) => large(`${commit}/${at}`)),
      );
      await lake.silver('call_legs', { dataset: faulty });
    }
    const before = present(await lake.snapshot('silver/rejected_events'));
    expect(before.files.size).toBe(4);
    expect(await lake.replayRejected('call_legs')).toMatchObject({ judged: 48, accepted: 48 });
    // Three files have room, and then the fourth.
    expect(present(await lake.snapshot('silver/rejected_events')).version).toBe(before.version + 2);
  });

  test('a stop before it changes nothing', async () => {
    await faultyRun(lake);
    const before = await contents(lake);
    expect(await lake.replayRejected('call_legs', { stop: AbortSignal.abort() })).toMatchObject({ outcome: 'stopped' });
    expect(await contents(lake)).toEqual(before);
  });

  test('killed after any change to the lake: no event is in neither table, and the next call ends it', async () => {
    const whole = await faultless();
    let kills = 0;
    let inBoth = 0;
    for (let at = 0; ; at++) {
      const store = openMemory();
      await faultyRun(new SmallLake(workshop, lake.timeZone, store));
      const dying = new SmallLake(workshop, lake.timeZone, dyingStore(store, at));
      dying.fence = 2;
      const died = await dying.replayRejected('call_legs').then(
        () => false,
        () => true,
      );
      const next = new SmallLake(workshop, lake.timeZone, store);
      next.fence = 3;
      const numbers = async (root: string) => (await next.rows(root)).map((row) => Number(row['sequence_number']));
      const [silver, rejected] = [await numbers('silver/call_legs'), await numbers('silver/rejected_events')];
      for (const number of [2, 10]) {
        expect(silver.includes(number) || rejected.includes(number)).toBe(true);
        if (silver.includes(number) && rejected.includes(number)) inBoth += 1;
      }
      await next.replayRejected('call_legs');
      await next.gold('agent_daily');
      expect(await contents(next)).toEqual(whole);
      if (!died) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(3);
    expect(inBoth).toBeGreaterThan(0);
  });
});
