import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Column, DatasetContract } from '../../../schemas/contract.ts';
import { integer, optional, text } from '../../../schemas/event-fields.ts';
import { commit } from '../../../src/delta/delta.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { buildSilver } from '../../../src/silver/silver.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { entryText } from '../../support/delta-fixtures.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { survey } from '../../support/call-centre-events.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;
const surveys = present(callCentre.datasets.find(({ name }) => name === 'surveys'));
const ROOT = 'silver/surveys';

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

/** The surveys with one field more, behind those that stand before `sent_at`: its place in a table is another one. */
function with_(name: string, field: z.ZodType, type: Column['type']): DatasetContract {
  const { shape } = surveys.event as unknown as { shape: z.ZodRawShape };
  const put = (columns: readonly Column[]): Column[] =>
    columns.flatMap((column) => (column.name === 'sent_at' ? [{ name, type }, column] : [column]));
  return {
    ...surveys,
    event: z.object({ ...shape, [name]: field }) as DatasetContract['event'],
    fields: put(surveys.fields),
    silver: { ...surveys.silver, columns: put(surveys.silver.columns) },
  };
}

const commented = with_('comment', optional(text()), 'string');
const build = (dataset: DatasetContract, on: SmallLake = lake) =>
  buildSilver(
    {
      ...on.tools(),
      dataset,
      bronze: on.table('bronze/surveys'),
      silver: on.table(ROOT),
      rejected: on.table('silver/rejected_events'),
      timeZone: on.timeZone,
    },
    signal,
  );
const comments = async (on: SmallLake = lake) =>
  Object.fromEntries((await on.rows(ROOT)).map((row) => [row['survey_id'], row['comment']]));

describe('a contract that gained an optional field', () => {
  test('gives its table the column by a commit of metadata alone; old rows are null in it', async () => {
    await lake.bronze('surveys', [survey({ survey_id: 'a', comment: 'unknown then' }), survey({ survey_id: 'b' })]);
    expect((await build(surveys)).unknownFields).toEqual({ comment: 1 });
    const before = present(await lake.snapshot(ROOT));
    expect((await build(commented)).outcome).toBe('empty');
    const widened = present(await lake.snapshot(ROOT));
    expect(widened.version).toBe(before.version + 1);
    expect([...widened.files.keys()]).toEqual([...before.files.keys()]);
    expect(widened.tableId).toBe(before.tableId);
    expect(widened.contract.columns.at(-1)).toEqual({ name: 'comment', type: 'string' });
    expect(widened.configuration).toMatchObject({ 'sluice.timeZone': lake.timeZone });
    expect(widened.configuration['sluice.contractHash']).not.toBe(before.configuration['sluice.contractHash']);
    const entry = await entryText(lake.table(ROOT), widened.version);
    const kinds = entry.trimEnd().split('\n');
    expect(kinds.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(['commitInfo', 'metaData', 'txn']);
    expect(await comments()).toEqual({ a: null, b: null });

    const later = { survey_id: 'b', produced_at: '2026-01-05T13:30:00Z', comment: 'good' };
    await lake.bronze('surveys', [survey(later), survey({ survey_id: 'c', comment: null })]);
    const outcome = await build(commented);
    expect(outcome).toMatchObject({ accepted: 2, written: 2, unknownFields: {} });
    expect(await comments()).toEqual({ a: null, b: 'good', c: null });
    expect((await lake.snapshot(ROOT))?.version).toBe(widened.version + 1);
    // Gold reads the table as the pipeline's contract has it, and by names.
    expect((await lake.gold('agent_daily')).outcome).toBe('empty');
  });

  test('rejects by the new field what breaks it', async () => {
    await build(surveys);
    await lake.bronze('surveys', [survey({ comment: 7 }), survey({ survey_id: 'x', comment: '' })]);
    expect(await build(commented)).toMatchObject({ rejected: { 'type:comment': 1, 'range:comment': 1 } });
  });

  test('leaves nothing to the version before: it is refused from then on, and changes nothing', async () => {
    await build(surveys);
    await build(commented);
    const failing = build(surveys);
    await expect(failing).rejects.toMatchObject({ code: 'contract_changed', exitCode: 2 });
    await expect(failing).rejects.toThrow(/lost comment.*rebuild silver/);
    expect((await lake.snapshot(ROOT))?.version).toBe(1);
  });

  test('two runs that add the column at the same time add it once', async () => {
    await build(surveys);
    const outcomes = await Promise.all([build(commented), build(commented)]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['empty', 'empty']);
    expect((await lake.snapshot(ROOT))?.version).toBe(1);
  });

  test('a run whose lease is passed ends locked and adds nothing', async () => {
    lake.fence = 2;
    await build(surveys);
    const snapshot = present(await lake.snapshot(ROOT));
    const context = { clock: lake.tools().clock, runId: 'other' };
    await commit(lake.table(ROOT), snapshot, { operation: 'WRITE', fence: 3 }, context, signal);
    expect((await build(commented)).outcome).toBe('locked');
    expect((await lake.snapshot(ROOT))?.contract.columns).toHaveLength(surveys.silver.columns.length);
  });
});

describe('the commit that adds a column', () => {
  /** Another writer appends nothing to the table just before our entry is put, so many times. */
  function raced(store: ObjectStore, times: number): ObjectStore {
    let left = 0;
    const racing: ObjectStore = {
      ...store,
      async putIfAbsent(path, data, abort) {
        if (path.startsWith(`${ROOT}/_delta_log/`) && left-- > 0) {
          const entry = JSON.stringify({ commitInfo: { txnId: `other-${left}` } });
          await store.putIfAbsent(path, new TextEncoder().encode(entry), abort);
        }
        return store.putIfAbsent(path, data, abort);
      },
    };
    return Object.assign(racing, { begin: () => (left = times) });
  }

  test.each([
    ['one commit that came before', 1, 'empty'],
    ['writers that never stop', 100, 'table_conflict'],
  ])('beside %s', async (_, times, expected) => {
    const store = raced(openMemory(), times);
    const busy = new SmallLake(workshop, undefined, store);
    await build(surveys, busy);
    (store as ObjectStore & { begin(): void }).begin();
    const result = await build(commented, busy).then(
      ({ outcome }) => outcome,
      (error: { code: string }) => error.code,
    );
    expect(result).toBe(expected);
  });

  test.each(['fails', 'reply lost', 'repeated'] as const)('whose put %s lands once or not at all', async (fault) => {
    const faults: ('fails' | 'reply lost' | 'repeated')[] = [];
    const shaky = new SmallLake(workshop, undefined, faultyStore(openMemory(), faults));
    await shaky.bronze('surveys', [survey({ survey_id: 'a' })]);
    await build(surveys, shaky);
    await shaky.bronze('surveys', [survey({ survey_id: 'b', comment: 'kept' })]);
    faults.push(fault);
    await build(commented, shaky).catch(() => build(commented, shaky));
    expect(await comments(shaky)).toEqual({ a: null, b: 'kept' });
    expect((await shaky.snapshot(ROOT))?.version).toBe(3);
  });

  test('and everything after it: a process that dies at any write is taken up by the next run', async () => {
    for (let alive = 0; ; alive++) {
      const store = openMemory();
      const whole = new SmallLake(workshop, undefined, store);
      await whole.bronze('surveys', [survey({ survey_id: 'a' }), survey({ survey_id: 'b' })]);
      await build(surveys, whole);
      await whole.bronze('surveys', [survey({ survey_id: 'b', produced_at: '2026-01-06T00:00:00Z', comment: 'x' })]);
      const dead = await build(commented, new SmallLake(workshop, undefined, dyingStore(store, alive))).then(
        () => false,
        () => true,
      );
      await build(commented, whole);
      expect(await comments(whole)).toEqual({ a: null, b: 'x' });
      expect((await whole.snapshot(ROOT))?.version).toBe(3);
      if (!dead) break;
      expect(alive).toBeLessThan(20);
    }
  });
});

/** A store that takes so many writes, and is gone after. */
function dyingStore(store: ObjectStore, writes: number): ObjectStore {
  let left = writes;
  const alive = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    function write(...args: Args): Promise<T> {
      return left-- > 0 ? call(...args) : Promise.reject(new Error('killed'));
    };
  return {
    ...store,
    put: alive(store.put.bind(store)),
    putIfAbsent: alive(store.putIfAbsent.bind(store)),
    upload: alive(store.upload.bind(store)),
  };
}

describe('every other change of a contract is refused before anything is written, and rebuild is named', () => {
  const without = (name: string): DatasetContract => ({
    ...surveys,
    fields: surveys.fields.filter((field) => field.name !== name),
    silver: { ...surveys.silver, columns: surveys.silver.columns.filter((column) => column.name !== name) },
  });
  const retyped = (columns: readonly Column[]): Column[] =>
    columns.map((column) => (column.name === 'score' ? { name: 'score', type: 'long' } : column));
  const derived = { name: 'is_good', type: 'boolean' } as const;
  const cases: [string, DatasetContract, RegExp][] = [
    ['a field that went', without('score'), /lost score/],
    [
      'another type',
      {
        ...surveys,
        fields: retyped(surveys.fields),
        silver: { ...surveys.silver, columns: retyped(surveys.silver.columns) },
      },
      /score as long and no longer integer/,
    ],
    ['a field that every event must have', with_('channel', integer(1, 9), 'integer'), /gained channel.*no optional/],
    [
      'a column that the model makes',
      { ...surveys, silver: { ...surveys.silver, columns: [...surveys.silver.columns, derived] } },
      /gained is_good, which is no optional field/,
    ],
    ['another key', { ...surveys, key: ['call_id'] }, /another key/],
    ['an optional field and another key', { ...commented, key: ['call_id'] }, /another key/],
    ['another group', { ...surveys, group: ['call_id'] }, /another key, group/],
  ];
  test.each(cases)('%s', async (_, changed, message) => {
    await build(surveys);
    const before = present(await lake.snapshot(ROOT)).version;
    const failing = build(changed);
    await expect(failing).rejects.toMatchObject({ code: 'contract_changed', exitCode: 2 });
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/rebuild silver/);
    expect((await lake.snapshot(ROOT))?.version).toBe(before);
  });
});
