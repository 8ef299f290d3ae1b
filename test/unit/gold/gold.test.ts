import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlFile } from '../../../src/duckdb/duckdb.ts';
import { commit, writeFiles } from '../../../src/delta/delta.ts';
import { buildGold } from '../../../src/gold/gold.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { call, leg, survey } from '../../support/call-centre-events.ts';
import { randomFrom } from '../../support/hostile-stream.ts';
import { slowRatio, type Arrival, type Row } from '../../support/slow-model.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

async function arrive(arrivals: readonly Arrival[], on: SmallLake = lake) {
  for (const [dataset, own] of Map.groupBy(arrivals, (one) => one.dataset)) await on.bronze(dataset, own);
  return on.run();
}

/** The view's rows by day and agent or queue. */
async function rowsOf(view: 'agent_daily' | 'queue_daily', on: SmallLake = lake): Promise<Record<string, Row>> {
  const rows = await on.rows(`gold/${view}`);
  return Object.fromEntries(rows.map((row) => [`${row['date']} ${row['agent_id'] ?? row['queue_id']}`, row]));
}

async function dayFiles(view: string): Promise<Record<string, string>> {
  const files = [...present(await lake.snapshot(`gold/${view}`)).files.values()];
  return Object.fromEntries(files.map(({ partitionValues, path }) => [partitionValues['date'], path]));
}

/** Days in a zone whose offset is -03:00 in January 2026. */
const at = (day: string, time = '12:00:00'): string => `${day}T${time}-03:00`;

describe('agent_daily', () => {
  test('counts legs, transfers and times of an agent and day', async () => {
    await arrive([
      leg({ leg_id: 'a', ended_at: '2026-01-05T12:00:01.000001Z' }),
      leg({ leg_id: 'b', started_at: '2026-01-05T12:01:00Z', ended_at: '2026-01-05T12:01:02.009999Z' }),
      leg({ leg_id: 'c', started_at: '2026-01-05T12:02:00Z', area: 'Financing', agent_id: 2 }),
    ]);
    const rows = await rowsOf('agent_daily');
    expect(rows['2026-01-05 1']).toMatchObject({
      period: '202601',
      handled_legs: '2',
      transfers: '2',
      transfer_pct: '100.00',
      improper_transfers: '1',
      improper_transfer_pct: '50.00',
      repeat_calls: '0',
      repeat_call_pct: '0.00',
      // 3.01 seconds over 2 legs are 1.505.
      average_handle_seconds: '1.51',
      promoters: '0',
      nps: null,
    });
    expect(rows['2026-01-05 2']).toMatchObject({ handled_legs: '1', transfers: '0', average_handle_seconds: '0.00' });
  });

  test('an agent has his names and own area; the legs of an unknown one stay, with nulls', async () => {
    await lake.agents([{ agent_id: '1', agent_name: 'Ana', area: 'Own', supervisor_name: 'Sol' }]);
    await arrive([leg({}), leg({ leg_id: 'l2', agent_id: 7 })]);
    const rows = await rowsOf('agent_daily');
    expect(rows['2026-01-05 1']).toMatchObject({ agent_name: 'Ana', agent_area: 'Own', supervisor_name: 'Sol' });
    expect(rows['2026-01-05 7']).toMatchObject({ agent_name: null, agent_area: null, handled_legs: '1' });
  });

  test.each([
    ['exactly 86,400 seconds later', '2026-01-06T12:00:00Z', {}, '1'],
    ['a microsecond more later', '2026-01-06T12:00:00.000001Z', {}, '0'],
    ['of the same call', '2026-01-05T12:10:00Z', { call_id: 'c1' }, '0'],
    ['of another customer', '2026-01-05T12:10:00Z', { customer_id: 2 }, '0'],
  ])('a next leg %s', async (_, started_at, fields, expected) => {
    const arrivals = [leg({}), leg({ call_id: 'c2', leg_id: 'l2', agent_id: 2, started_at, ...fields })];
    await arrive(arrivals);
    expect((await rowsOf('agent_daily'))['2026-01-05 1']).toMatchObject({ repeat_calls: expected });
  });

  test('only the immediately next leg of the customer counts, by start, end, call_id, leg_id', async () => {
    await arrive([
      leg({ call_id: 'c1', leg_id: 'a', agent_id: 1 }),
      // The same start: the end, then call_id put c1/b before c2.
      leg({ call_id: 'c1', leg_id: 'b', agent_id: 2 }),
      leg({ call_id: 'c2', leg_id: 'a', agent_id: 3 }),
      leg({ call_id: 'c0', leg_id: 'a', agent_id: 4, ended_at: '2026-01-05T12:00:00.000001Z' }),
    ]);
    const rows = await rowsOf('agent_daily');
    const repeats = [1, 2, 3, 4].map((agent) => rows[`2026-01-05 ${agent}`]?.['repeat_calls']);
    expect(repeats).toEqual(['0', '1', '1', '0']);
  });

  test('over a day of 23 hours the leg two days on is still found', async () => {
    // In Sao Paulo 2018-11-04 began at 01:00: 23:30 on the 3rd and 00:30 on the 5th are 24 hours apart.
    const odd = new SmallLake(workshop);
    await odd.bronze('call_legs', [
      leg({ started_at: '2018-11-03T23:30:00-03:00' }),
      leg({ call_id: 'c2', leg_id: 'l2', agent_id: 2, started_at: '2018-11-05T00:30:00-02:00' }),
    ]);
    await odd.silver('call_legs');
    // Each day by itself, so that what the first needs of the other is asked for.
    await odd.gold('agent_daily', { sliceDaysMax: 1 });
    const rows = await rowsOf('agent_daily', odd);
    expect(rows['2018-11-03 1']).toMatchObject({ repeat_calls: '1' });
    expect(rows['2018-11-05 2']).toMatchObject({ repeat_calls: '0' });
  });

  test("a call's survey is its latest by sent_at, then survey_id, and counts for each leg", async () => {
    await arrive([
      leg({ leg_id: 'a' }),
      leg({ leg_id: 'b' }),
      survey({ survey_id: 's9', score: 9, sent_at: '2026-01-05T13:00:00Z' }),
      survey({ survey_id: 's1', score: 9, sent_at: '2026-01-05T14:00:00Z' }),
      survey({ survey_id: 's2', score: 4, sent_at: '2026-01-05T14:00:00Z' }),
      survey({ survey_id: 'lonely', call_id: 'no legs', score: 10 }),
    ]);
    const rows = await rowsOf('agent_daily');
    expect(Object.keys(rows)).toEqual(['2026-01-05 1']);
    expect(rows['2026-01-05 1']).toMatchObject({ promoters: '0', neutrals: '0', detractors: '2', nps: '-100.00' });
  });

  test('scores from 6 promote, 5 is neutral, to 4 detract; a negative nps is rounded away from zero', async () => {
    const scores = [6, 5, 4, 4, 0, 4, 4, 5];
    await arrive(
      scores.flatMap((score, index) => [
        leg({ call_id: `c${index}`, leg_id: `l${index}` }),
        survey({ survey_id: `s${index}`, call_id: `c${index}`, score }),
      ]),
    );
    // 100 × (1 − 5) / 8 = −50
    const row = (await rowsOf('agent_daily'))['2026-01-05 1'];
    expect(row).toMatchObject({ promoters: '1', neutrals: '2', detractors: '5', nps: '-50.00' });
  });
});

describe('queue_daily', () => {
  test('counts calls of a queue and day, and the legs of these calls whatever their day', async () => {
    await arrive([
      call({ options_navigated: 2, authenticated: true }),
      call({ call_id: 'c2', options_navigated: 3, transferred: true }),
      call({ call_id: 'c3', options_navigated: 6, transferred: true }),
      leg({ call_id: 'c2', started_at: '2026-01-09T12:00:00Z', ended_at: '2026-01-09T12:00:00.005Z' }),
      leg({ call_id: 'c2', leg_id: 'l2', started_at: '2026-01-09T12:01:00Z' }),
      leg({ call_id: 'nobody knows' }),
    ]);
    const rows = await rowsOf('queue_daily');
    expect(Object.keys(rows)).toEqual(['2026-01-05 q']);
    expect(rows['2026-01-05 q']).toEqual({
      period: '202601',
      date: '2026-01-05',
      queue_id: 'q',
      calls: '3',
      average_options: '3.67',
      average_options_self_service: '2.00',
      average_options_transferred: '4.50',
      authenticated_calls: '1',
      transferred_calls: '2',
      human_legs: '2',
      transfers: '1',
      improper_transfers: '1',
      average_leg_seconds: '0.00',
    });
  });

  test('where no call was transferred or has legs, their means are null', async () => {
    await arrive([call({})]);
    expect((await rowsOf('queue_daily'))['2026-01-05 q']).toMatchObject({
      average_options_transferred: null,
      human_legs: '0',
      transfers: '0',
      average_leg_seconds: null,
    });
  });
});

describe('touched days', () => {
  beforeEach(async () => {
    await lake.agents([{ agent_id: '1', agent_name: 'Ana' }]);
    await arrive([
      ...['2026-01-05', '2026-01-06', '2026-01-08', '2026-01-12'].flatMap((day, index) => [
        call({ call_id: `c${index}`, started_at: at(day) }),
        leg({ call_id: `c${index}`, started_at: at(day), agent_id: index + 1 }),
      ]),
      survey({ call_id: 'c3' }),
    ]);
  });

  test('nothing new: no file changes and DuckDB is not asked', async () => {
    const [files, opens] = [await dayFiles('agent_daily'), lake.databaseOpens];
    expect((await lake.run())['agent_daily']).toMatchObject({ outcome: 'empty', daysRewritten: [] });
    expect(await dayFiles('agent_daily')).toEqual(files);
    expect(lake.databaseOpens).toBe(opens);
  });

  test('a leg touches its day and that of the leg before it within 86,400 seconds, and no other', async () => {
    const before = await dayFiles('agent_daily');
    const outcomes = await arrive([leg({ call_id: 'new', started_at: at('2026-01-07', '12:00:00') })]);
    expect(outcomes['agent_daily']?.daysRewritten).toEqual(['2026-01-06', '2026-01-07']);
    expect(outcomes['queue_daily']?.daysRewritten).toEqual([]);
    const after = await dayFiles('agent_daily');
    for (const day of ['2026-01-05', '2026-01-08', '2026-01-12']) expect(after[day]).toBe(before[day]);
  });

  test('a leg behind another one of the same instant does not touch the day of the leg before both', async () => {
    const started_at = at('2026-01-07', '10:00:00');
    await arrive([leg({ call_id: 'first', started_at })]);
    const outcomes = await arrive([leg({ call_id: 'second', leg_id: 'l2', started_at })]);
    expect(outcomes['agent_daily']?.daysRewritten).toEqual(['2026-01-07']);
  });

  test("a leg touches the days of all its call's legs, and in queue_daily that of the call's IVR row", async () => {
    const outcomes = await arrive([leg({ call_id: 'c0', leg_id: 'l2', customer_id: 9, started_at: at('2026-02-01') })]);
    expect(outcomes['agent_daily']?.daysRewritten).toEqual(['2026-01-05', '2026-02-01']);
    expect(outcomes['queue_daily']?.daysRewritten).toEqual(['2026-01-05']);
  });

  test('a leg that moves touches the day it leaves; a day left without rows has no file', async () => {
    const moved = { call_id: 'c3', produced_at: '2026-01-20T00:00:00Z', started_at: at('2026-01-20'), agent_id: 4 };
    const outcomes = await arrive([leg(moved)]);
    expect(outcomes['agent_daily']).toMatchObject({ daysRewritten: ['2026-01-12', '2026-01-20'], rowsWritten: 1 });
    expect(Object.keys(await dayFiles('agent_daily'))).not.toContain('2026-01-12');
  });

  test('a survey that goes to another call touches the days of both calls', async () => {
    const outcomes = await arrive([survey({ call_id: 'c0', produced_at: '2026-01-20T00:00:00Z' })]);
    expect(outcomes['agent_daily']?.daysRewritten).toEqual(['2026-01-05', '2026-01-12']);
    expect(outcomes['queue_daily']?.outcome).toBe('empty');
  });

  test('an IVR call touches its day of queue_daily, before and after', async () => {
    const outcomes = await arrive([
      call({ call_id: 'c1', produced_at: '2026-01-20T00:00:00Z', started_at: at('2026-01-09') }),
    ]);
    expect(outcomes['queue_daily']?.daysRewritten).toEqual(['2026-01-06', '2026-01-09']);
    expect(outcomes['agent_daily']?.outcome).toBe('empty');
  });

  test('a changed agent touches every day with a leg of his, an unchanged one none', async () => {
    await lake.agents([
      { agent_id: '1', agent_name: 'Ana' },
      { agent_id: '4', agent_name: 'Caio' },
    ]);
    expect((await lake.gold('agent_daily')).daysRewritten).toEqual(['2026-01-12']);
    expect((await rowsOf('agent_daily'))['2026-01-12 4']).toMatchObject({ agent_name: 'Caio' });
  });

  test('what changed in several sources at once touches the days of each, and counts together', async () => {
    await lake.agents([
      { agent_id: '1', agent_name: 'Ana' },
      { agent_id: '2', agent_name: 'Bia' },
    ]);
    const outcomes = await arrive([
      survey({ call_id: 'c0', produced_at: '2026-01-20T00:00:00Z' }),
      leg({ call_id: 'new', leg_id: 'n', customer_id: 9, started_at: at('2026-02-01') }),
    ]);
    const days = ['2026-01-05', '2026-01-06', '2026-01-12', '2026-02-01'];
    // The survey before and after, a leg, an agent.
    expect(outcomes['agent_daily']).toMatchObject({ daysRewritten: days, rowsIn: 4 });
    expect(outcomes['queue_daily']).toMatchObject({ daysRewritten: [], rowsIn: 1 });
  });

  test('more changed days than one look takes: each is touched, none twice', async () => {
    const days = Array.from({ length: 20 }, (_, day) => `2026-03-${String(day + 1).padStart(2, '0')}`);
    const legs = days.map((day, index) => leg({ call_id: `m${index}`, customer_id: 100 + index, started_at: at(day) }));
    const outcomes = await arrive(legs);
    expect(outcomes['agent_daily']).toMatchObject({ daysRewritten: days, rowsIn: 20, rowsWritten: 20 });
  });

  test('a source that was made anew is read from its beginning, and days it lost go', async () => {
    for await (const { path } of lake.store.list('bronze/call_legs/', signal)) await lake.store.delete(path, signal);
    for await (const { path } of lake.store.list('silver/call_legs/', signal)) await lake.store.delete(path, signal);
    await lake.bronze('call_legs', [leg({ call_id: 'c1', started_at: at('2026-01-06') })]);
    await lake.silver('call_legs');
    await lake.gold('agent_daily');
    expect(Object.keys(await rowsOf('agent_daily'))).toEqual(['2026-01-06 1']);
  });
});

test('days are computed in slices with the same rows', async () => {
  const days = ['2026-01-05', '2026-01-06', '2026-01-07'];
  for (const day of days) await lake.bronze('call_legs', [leg({ call_id: day, started_at: at(day) })]);
  await lake.silver('call_legs');
  const view = present(callCentre.gold.find(({ name }) => name === 'agent_daily'));
  const { silver } = present(callCentre.datasets.find(({ name }) => name === 'call_legs'));
  const tables = (name: string) => ({ location: lake.table(`silver/${name}`), contract: contractOf(name) ?? silver });
  const options = { ...lake.tools(), view, tables, gold: lake.table('gold/agent_daily'), sliceDaysMax: 1 };
  expect(await buildGold(options, signal)).toMatchObject({ outcome: 'complete', daysRewritten: days, rowsWritten: 3 });
  const repeats = Object.values(await rowsOf('agent_daily')).map((row) => row['repeat_calls']);
  expect(repeats.toSorted()).toEqual(['0', '1', '1']);
});

function contractOf(name: string) {
  const dataset = callCentre.datasets.find((one) => one.name === name);
  return dataset?.silver ?? callCentre.dimensions.find((one) => one.name === name)?.table;
}

test('rows that another writer compacted, and that stand in a file rewritten since, are new all the same', async () => {
  await arrive([leg({ call_id: 'old', leg_id: 'old', started_at: '2026-01-04T20:00:00Z' })]);
  // Makes the leg of the day before one that the customer called again after.
  await lake.bronze('call_legs', [leg({ call_id: 'c2', leg_id: 'l2', agent_id: 2 })]);
  await lake.silver('call_legs');
  const { openDatabase, scratch, fence, ...context } = lake.tools();
  const location = lake.table('silver/call_legs');
  const snapshot = present(await lake.snapshot('silver/call_legs'));
  await lake.rows('silver/call_legs');
  await workshop.database.run('CREATE OR REPLACE TABLE moved AS FROM looked_at');
  const add = await writeFiles(await openDatabase(), location, snapshot.contract, 'moved', scratch, signal);
  const change = { operation: 'OPTIMIZE', add, remove: [...snapshot.files.values()], dataChange: false, fence };
  await commit(location, snapshot, change, context, signal);
  await lake.bronze('call_legs', [leg({ call_id: 'c3', leg_id: 'l3', agent_id: 3, customer_id: 9 })]);
  await lake.run();
  expect((await rowsOf('agent_daily'))['2026-01-04 1']).toMatchObject({ repeat_calls: '1' });
});

test('a view whose lease is passed ends locked', async () => {
  lake.fence = 2;
  await arrive([leg({})]);
  await lake.bronze('call_legs', [leg({ leg_id: 'l2' })]);
  await lake.silver('call_legs');
  lake.fence = 1;
  expect((await lake.gold('agent_daily')).outcome).toBe('locked');
});

test('ratio is exact and rounds half away from zero, on numbers of any size', async () => {
  const database = await workshop.database.connect();
  await database.run(sqlFile(new URL('../../../src/gold/statements/ratio.sql', import.meta.url)));
  const random = randomFrom(7);
  const pairs = [
    [1n, 8n],
    [-1n, 8n],
    [-1n, 200n],
    [1005n, 1000n],
    [0n, 3n],
    [5n, 0n],
  ];
  for (let count = 0; count < 500; count++) {
    const denominator = BigInt(1 + random.below(4000));
    pairs.push([BigInt(random.below(2 ** 31) - 2 ** 30), denominator], [denominator * 5n + 1n, denominator * 1000n]);
  }
  const query = pairs.map(([a, b]) => `SELECT ratio(${a}::BIGINT, ${b}::BIGINT)::VARCHAR AS r`).join(' UNION ALL ');
  const found = (await database.rows<{ r: string | null }>(query)).map(({ r }) => r);
  expect(found).toEqual(pairs.map(([a = 0n, b = 0n]) => slowRatio(a, b)));
  database.close();
});
