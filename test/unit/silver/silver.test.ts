import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callCentre } from '../../../src/pipeline.ts';
import { commit, writeFiles } from '../../../src/delta/delta.ts';
import { buildSilver, ensureSilver } from '../../../src/silver/silver.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { arrival, leg, survey } from '../../support/call-centre-events.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const legs = present(callCentre.datasets.find(({ name }) => name === 'call_legs'));

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

function legOptions(on: SmallLake = lake) {
  return {
    ...on.tools(),
    dataset: legs,
    bronze: on.table('bronze/call_legs'),
    silver: on.table('silver/call_legs'),
    rejected: on.table('silver/rejected_events'),
    timeZone: on.timeZone,
  };
}

async function pathsOf(name: string): Promise<string[]> {
  return [...(present(await lake.snapshot(name)).files.keys() ?? [])].toSorted();
}

describe('the winner of a key', () => {
  const late = leg({ area: 'late', produced_at: '2026-01-05T13:00:00.000002Z' }, { enqueued: '2026-01-05T20:00:09Z' });
  const early = leg({ area: 'early', produced_at: '2026-01-05T13:00:00.000001Z' });

  test.each([
    ['later version after', [early, late]],
    ['later version before', [late, early]],
  ])('is the one produced last: %s, in one run and in two', async (_, arrivals) => {
    await lake.bronze('call_legs', arrivals);
    await lake.silver('call_legs');
    const cut = new SmallLake(workshop);
    for (const one of arrivals) {
      await cut.bronze('call_legs', [one]);
      await cut.silver('call_legs');
    }
    for (const rows of [await lake.rows('silver/call_legs'), await cut.rows('silver/call_legs')]) {
      expect(rows.map((row) => row['area'])).toEqual(['late']);
    }
  });

  test.each([
    [
      'enqueued first',
      { enqueued: '2026-01-05T20:00:00.000Z', partition: 9, sequence: 9 },
      { enqueued: '2026-01-05T20:00:00.001Z', partition: 0, sequence: 0 },
    ],
    ['of the lower partition, as a number', { partition: 9, sequence: 9 }, { partition: 10, sequence: 0 }],
    ['of the lower sequence number, as a number', { sequence: 9 }, { sequence: 10 }],
  ])('among equals is the one %s', async (_, first, second) => {
    const arrivals = [leg({ area: 'second' }, second), leg({ area: 'first' }, first)];
    for (const one of arrivals) {
      await lake.bronze('call_legs', [one]);
      await lake.silver('call_legs');
    }
    expect((await lake.rows('silver/call_legs')).map((row) => row['area'])).toEqual(['first']);
  });

  test('digits past the microsecond do not count', async () => {
    await lake.bronze('call_legs', [
      leg({ area: 'first', produced_at: '2026-01-05T13:00:00.0000011Z' }, { sequence: 1 }),
      leg({ area: 'second', produced_at: '2026-01-05T13:00:00.0000019Z' }, { sequence: 2 }),
    ]);
    await lake.silver('call_legs');
    expect((await lake.rows('silver/call_legs')).map((row) => row['area'])).toEqual(['first']);
  });
});

describe('merging', () => {
  test('a re-sent event rewrites no file, and its bronze version is done', async () => {
    const sent = leg({}, { sequence: 1 });
    await lake.bronze('call_legs', [sent]);
    await lake.silver('call_legs');
    const before = await pathsOf('silver/call_legs');
    await lake.bronze('call_legs', [{ ...sent, sequenceNumber: 2 }]);
    const outcome = await lake.silver('call_legs');
    expect(outcome).toMatchObject({ outcome: 'complete', rowsIn: 1, accepted: 1, written: 0, superseded: 1 });
    expect(outcome).toMatchObject({ filesRewritten: 0, daysRewritten: [], fromVersion: 1, toVersion: 2 });
    expect(await pathsOf('silver/call_legs')).toEqual(before);
    expect((await lake.silver('call_legs')).outcome).toBe('empty');
  });

  test('a later version on another day takes the row along, and the first day keeps its other rows', async () => {
    await lake.bronze('call_legs', [leg({}), leg({ call_id: 'c2', leg_id: 'l2' })]);
    await lake.silver('call_legs');
    const moved = { produced_at: '2026-01-06T00:00:00Z', started_at: '2026-01-09T12:00:00Z' };
    await lake.bronze('call_legs', [leg(moved)]);
    const outcome = await lake.silver('call_legs');
    const days = (await lake.rows('silver/call_legs')).map((row) => `${row['call_id']} ${row['start_date']}`);
    expect(days.toSorted()).toEqual(['c1 2026-01-09', 'c2 2026-01-05']);
    expect(outcome.daysRewritten).toEqual(['2026-01-05', '2026-01-09']);
    expect(outcome).toMatchObject({ written: 1, superseded: 1, filesRewritten: 1 });
  });

  test('only files that hold a changed row are rewritten', async () => {
    await lake.bronze('call_legs', [leg({}), leg({ call_id: 'c2', started_at: '2026-01-07T12:00:00Z' })]);
    await lake.silver('call_legs');
    const before = await pathsOf('silver/call_legs');
    await lake.bronze('call_legs', [
      leg({ call_id: 'c2', started_at: '2026-01-07T12:00:00Z', produced_at: '2026-01-08T00:00:00Z' }),
    ]);
    await lake.silver('call_legs');
    const kept = (await pathsOf('silver/call_legs')).filter((path) => before.includes(path));
    expect(kept).toEqual(before.filter((path) => path.includes('2026-01-05')));
  });

  test('a leg that arrives later changes the flags of the legs before it', async () => {
    await lake.bronze('call_legs', [leg({ leg_id: 'a' }), leg({ leg_id: 'b', started_at: '2026-01-05T12:01:00Z' })]);
    await lake.silver('call_legs');
    expect(await flags()).toEqual(['a true true', 'b false false']);
    await lake.bronze('call_legs', [leg({ leg_id: 'c', started_at: '2026-01-06T12:00:30Z', area: 'Collections' })]);
    await lake.silver('call_legs');
    expect(await flags()).toEqual(['a true true', 'b true false', 'c false false']);
  });

  test('legs of one call stand by start, then end, then the code points of leg_id', async () => {
    const [low, high] = ['\uFF5E', '\u{1F600}'];
    await lake.bronze('call_legs', [
      leg({ leg_id: high, area: 'z' }),
      leg({ leg_id: low, area: 'z' }),
      leg({ leg_id: 'ended later', area: 'z', ended_at: '2026-01-05T12:00:00.000001Z' }),
    ]);
    await lake.silver('call_legs');
    expect(await flags()).toEqual([`${high} true true`, `${low} true true`, 'ended later false false'].toSorted());
  });
});

test('days and period are those of the business time zone', async () => {
  await lake.bronze('call_legs', [
    leg({ started_at: '2026-03-01T02:59:59.999999Z', ended_at: '2026-03-01T03:00:00Z' }),
  ]);
  await lake.bronze('surveys', [survey({ sent_at: '2026-01-01T02:59:59Z' })]);
  await lake.silver('call_legs');
  await lake.silver('surveys');
  const [row] = await lake.rows('silver/call_legs');
  expect(row).toMatchObject({ start_date: '2026-02-28', end_date: '2026-03-01', period: '202602' });
  expect((await lake.rows('silver/surveys'))[0]).toMatchObject({ sent_date: '2025-12-31', period: '202512' });
});

test('a rejected event is kept as it came with its reason, and stops nothing', async () => {
  const bodies = ['\uFEFF{}', '{"a":1}\u0000', null, '[1]'];
  await lake.bronze('surveys', [...bodies.map((body) => arrival('surveys', body)), survey({ color: 1, shape: null })]);
  const outcome = await lake.silver('surveys');
  expect(outcome).toMatchObject({ rowsIn: 5, accepted: 1, rejected: { not_json: 2, not_utf8: 1, not_object: 1 } });
  expect(outcome.unknownFields).toEqual({ color: 1, shape: 1 });
  const rejected = await lake.rows('silver/rejected_events');
  expect(rejected.map((row) => row['body']).toSorted()).toEqual(bodies.toSorted());
  expect(rejected.every((row) => row['dataset'] === 'surveys')).toBe(true);
});

test('before anything arrived, both tables are there and empty, and DuckDB was not needed', async () => {
  expect((await lake.silver('call_legs')).outcome).toBe('empty');
  await ensureSilver({ ...legOptions(), dataset: legs, silver: lake.table('silver/twice') }, signal);
  expect((await lake.snapshot('silver/call_legs'))?.files.size).toBe(0);
  expect((await lake.snapshot('silver/rejected_events'))?.version).toBe(0);
  expect((await lake.snapshot('silver/twice'))?.configuration['sluice.timeZone']).toBe('America/Sao_Paulo');
  expect(lake.databaseOpens).toBe(0);
});

test('another time zone than the tables have is refused before anything is written', async () => {
  await lake.bronze('call_legs', [leg({})]);
  await lake.silver('call_legs');
  await lake.bronze('call_legs', [leg({ leg_id: 'l2' }), arrival('call_legs', 'bad')]);
  const failing = lake.silver('call_legs', { timeZone: 'Europe/Lisbon' });
  await expect(failing).rejects.toMatchObject({ code: 'time_zone_mismatch', exitCode: 2 });
  await expect(failing).rejects.toThrow(/SLUICE_TIME_ZONE.*rebuild/);
  expect((await lake.snapshot('silver/rejected_events'))?.files.size).toBe(0);
  expect(await lake.rows('silver/call_legs')).toHaveLength(1);
});

test('a table made by another contract is refused, and rebuild is named', async () => {
  await lake.silver('call_legs');
  const other = { ...legs, key: ['leg_id'] };
  const failing = buildSilver({ ...legOptions(), dataset: other }, signal);
  await expect(failing).rejects.toMatchObject({ code: 'contract_changed', exitCode: 2 });
  await expect(failing).rejects.toThrow(/rebuild/);
});

test('a run whose lease is passed ends locked and changes nothing', async () => {
  lake.fence = 2;
  await lake.bronze('call_legs', [leg({})]);
  await lake.silver('call_legs');
  await lake.bronze('call_legs', [leg({ leg_id: 'l2' })]);
  lake.fence = 1;
  expect((await lake.silver('call_legs')).outcome).toBe('locked');
  expect(await lake.rows('silver/call_legs')).toHaveLength(1);
});

test('a crash between the two commits leaves neither a hole nor a double', async () => {
  const store = openMemory();
  const dying = new SmallLake(
    workshop,
    lake.timeZone,
    failingOnce(store, 'silver/call_legs/_delta_log/00000000000000000001'),
  );
  await dying.bronze('call_legs', [leg({}), arrival('call_legs', 'bad')]);
  await expect(dying.silver('call_legs')).rejects.toThrow('killed here');
  expect(await dying.rows('silver/rejected_events')).toHaveLength(1);
  await dying.bronze('call_legs', [leg({ leg_id: 'l2' }), arrival('call_legs', 'worse')]);
  const outcome = await dying.silver('call_legs');
  expect(outcome).toMatchObject({ rowsIn: 4, accepted: 2, rejected: { not_json: 2 }, toVersion: 2 });
  expect(await dying.rows('silver/rejected_events')).toHaveLength(2);
  expect(await dying.rows('silver/call_legs')).toHaveLength(2);
});

test('two runs at once apply every bronze row once', async () => {
  const workshops = [workshop, await openWorkshop()];
  const arrivals = Array.from({ length: 20 }, (_, at) => leg({ leg_id: `l${at}` }));
  await lake.bronze('call_legs', [...arrivals, arrival('call_legs', 'bad')]);
  const runs = workshops.map((own) => new SmallLake(own, lake.timeZone, lake.store).silver('call_legs'));
  const outcomes = await Promise.all(runs);
  await workshops[1]?.close();
  expect(outcomes.reduce((sum, { rowsIn }) => sum + rowsIn, 0)).toBe(21);
  expect(await lake.rows('silver/call_legs')).toHaveLength(20);
  expect(await lake.rows('silver/rejected_events')).toHaveLength(1);
});

test('many bronze commits are applied in slices, each with its own version', async () => {
  for (const leg_id of ['a', 'b', 'c']) await lake.bronze('call_legs', [leg({ leg_id })]);
  await lake.silver('call_legs', { sliceBytesMax: 1 });
  expect((await lake.snapshot('silver/call_legs'))?.version).toBe(3);
  expect(await lake.rows('silver/call_legs')).toHaveLength(3);
});

test('an abort during a statement ends the run as an abort, and the next run does the work', async () => {
  await lake.bronze('call_legs', [leg({})]);
  const abort = new AbortController();
  const endless = '(SELECT sum(range) FROM range(1e12::BIGINT)) > 0';
  const slow = `SELECT * FROM (${readFileSync(legs.model, 'utf8')}\n) WHERE ${endless}`;
  await withFile(slow, async (model) => {
    const running = buildSilver({ ...legOptions(), dataset: { ...legs, model } }, abort.signal);
    setTimeout(() => abort.abort(), 300);
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
  expect(await lake.silver('call_legs')).toMatchObject({ outcome: 'complete', written: 1 });
});

test('a soft stop leaves what is not begun for the next run', async () => {
  await lake.bronze('call_legs', [leg({})]);
  const outcome = await buildSilver({ ...legOptions(), stop: AbortSignal.abort() }, signal);
  expect(outcome).toMatchObject({ outcome: 'stopped', rowsIn: 0, toVersion: undefined });
});

describe('what must not be stops the commit', () => {
  test('rows that an audit finds: audit_failed, naming it', async () => {
    await withFile(`FROM rows WHERE area = 'Cards'`, async (audit) => {
      await lake.bronze('call_legs', [leg({})]);
      const failing = buildSilver({ ...legOptions(), dataset: { ...legs, audits: [audit] } }, signal);
      await expect(failing).rejects.toMatchObject({ code: 'audit_failed', exitCode: 5 });
      await expect(failing).rejects.toThrow(/own\.sql/);
      expect((await lake.snapshot('silver/call_legs'))?.version).toBe(0);
    });
  });

  test('a model that loses a winning event: conservation_broken', async () => {
    await withFile(`SELECT * FROM (${readFileSync(legs.model, 'utf8')}\n) WHERE leg_id <> 'l2'`, async (model) => {
      await lake.bronze('call_legs', [leg({}), leg({ leg_id: 'l2' })]);
      const failing = buildSilver({ ...legOptions(), dataset: { ...legs, model, audits: [] } }, signal);
      await expect(failing).rejects.toMatchObject({ code: 'conservation_broken', exitCode: 5 });
      expect((await lake.snapshot('silver/call_legs'))?.version).toBe(0);
    });
  });

  test('a model of other types than the table: internal, whatever the days have already', async () => {
    await lake.bronze('call_legs', [leg({ leg_id: 'a' })]);
    await lake.silver('call_legs');
    const other = 'SELECT * REPLACE (agent_id::SMALLINT AS agent_id)';
    await withFile(`${other} FROM (${readFileSync(legs.model, 'utf8')}\n)`, async (model) => {
      // The first day is written anew, and there DuckDB would make one type of both.
      const [started_at, ended_at] = ['2026-01-07T10:00:00Z', '2026-01-07T10:01:00Z'];
      await lake.bronze('call_legs', [leg({ leg_id: 'b' }), leg({ call_id: 'c2', started_at, ended_at })]);
      const failing = buildSilver({ ...legOptions(), dataset: { ...legs, model } }, signal);
      await expect(failing).rejects.toThrow(/agent_id is SMALLINT, not INTEGER/);
    });
  });

  test('a key that another writer put there twice: audit_failed', async () => {
    await lake.bronze('call_legs', [leg({})]);
    await lake.silver('call_legs');
    const location = lake.table('silver/call_legs');
    const snapshot = present(await lake.snapshot('silver/call_legs'));
    await lake.rows('silver/call_legs');
    await workshop.database.run('CREATE OR REPLACE TABLE doubled AS FROM looked_at UNION ALL FROM looked_at');
    const add = await writeFiles(workshop.database, location, snapshot.contract, 'doubled', workshop.scratch, signal);
    const change = { operation: 'WRITE', add, remove: [...snapshot.files.values()] };
    await commit(location, snapshot, change, { clock: lake.tools().clock, runId: 'other' }, signal);
    await lake.bronze('call_legs', [leg({ produced_at: '2026-01-07T00:00:00Z' })]);
    await expect(lake.silver('call_legs')).rejects.toMatchObject({ code: 'audit_failed' });
  });
});

async function withFile(sql: string, action: (url: URL) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sql-'));
  try {
    writeFileSync(join(folder, 'own.sql'), sql);
    await action(pathToFileURL(join(folder, 'own.sql')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The legs with their two flags. */
async function flags(): Promise<string[]> {
  const rows = await lake.rows('silver/call_legs');
  return rows.map((row) => `${row['leg_id']} ${row['is_transfer']} ${row['is_improper_transfer']}`).toSorted();
}

/** The first put of an object whose path begins so never comes to pass. */
function failingOnce(store: ObjectStore, prefix: string): ObjectStore {
  let isBroken = true;
  return {
    ...store,
    putIfAbsent(path, data, aborted) {
      if (!isBroken || !path.startsWith(prefix)) return store.putIfAbsent(path, data, aborted);
      isBroken = false;
      return Promise.reject(new Error('killed here'));
    },
  };
}

test('of many small commits as many are merged at once as their accepted rows have room', async () => {
  for (let commits = 0; commits < 4; commits++) {
    const arrivals = Array.from({ length: 12 }, (_, at) => leg({ leg_id: `${commits}/${at}` }));
    await lake.bronze('call_legs', [...arrivals, arrival('call_legs', ' '.repeat(100_000))]);
  }
  const outcome = await lake.silver('call_legs', { bodyBytesMax: 4000, sliceBytesMax: 1e9 });
  expect(outcome).toMatchObject({ rowsIn: 52, accepted: 48, rejected: { not_json: 4 } });
  // Created, then two commits of bronze, then two more.
  expect((await lake.snapshot('silver/call_legs'))?.version).toBe(2);
});

describe('bronze files in any form come to the same', () => {
  const arrivals = Array.from({ length: 40 }, (_, at) => {
    const [leg_id, area] = [`l${at % 30}`, `área ${at % 3}`];
    return at % 9 === 4
      ? arrival('call_legs', at % 2 === 0 ? 'bad' : null, { sequence: at })
      : leg({ leg_id, area }, { sequence: at });
  });

  test.each([
    ['uncompressed', 'COMPRESSION uncompressed'],
    ['zstd without dictionaries', 'COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1'],
    ['snappy with dictionaries', 'COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1000'],
    ['gzip, which only DuckDB reads here', 'COMPRESSION gzip'],
    ['delta encodings, which only DuckDB reads here', "COMPRESSION zstd, PARQUET_VERSION 'V2'"],
    ['small row groups', 'COMPRESSION zstd, ROW_GROUP_SIZE 2048'],
  ])('%s', async (_, form) => {
    const rowsOf = async (on: SmallLake, table: string) =>
      (await on.rows(table)).map((row) => ({ ...row, loaded_at: null, rejected_at: null }));
    const [plain, other] = [lake, new SmallLake(workshop)];
    for (const on of [plain, other]) await on.bronze('call_legs', arrivals);
    await writtenAnew(other, form);
    for (const on of [plain, other]) {
      expect(await on.silver('call_legs')).toMatchObject({ rowsIn: 40, accepted: 36, written: 28 });
    }
    for (const table of ['silver/call_legs', 'silver/rejected_events']) {
      expect(await rowsOf(other, table)).toEqual(await rowsOf(plain, table));
    }
  });

  /** Its bronze files, as another program might have written them. */
  async function writtenAnew(on: SmallLake, form: string): Promise<void> {
    const { files } = present(await on.snapshot('bronze/call_legs'));
    for (const name of files.keys()) {
      const path = `bronze/call_legs/${name}`;
      const [before, after] = [workshop.scratch.newFile('.parquet'), workshop.scratch.newFile('.parquet')];
      expect(await on.store.download(path, before, signal)).toBe(true);
      await workshop.database.run(`COPY (FROM read_parquet('${before}')) TO '${after}' (FORMAT parquet, ${form})`);
      await on.store.delete(path, signal);
      await on.store.upload(path, after, signal);
    }
  }
});
