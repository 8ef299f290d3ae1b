import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readSnapshot } from '../../../src/delta/delta.ts';
import { sqlFile } from '../../../src/duckdb/duckdb.ts';
import { buildGold } from '../../../src/gold/gold.ts';
import { pinSources } from '../../../src/gold/pinned-sources.ts';
import { callCentre } from '../../../src/pipeline.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { call, leg } from '../../support/call-centre-events.ts';
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

function contractOf(name: string) {
  const dataset = callCentre.datasets.find((one) => one.name === name);
  return dataset?.silver ?? callCentre.dimensions.find((one) => one.name === name)?.table;
}

describe('a view of other SQL', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-model-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** queue_daily of one call, with its model changed and perhaps one audit alone. */
  async function build(changed: (model: string) => string, audit?: string) {
    const view = present(callCentre.gold.find(({ name }) => name === 'queue_daily'));
    const file = (name: string, sql: string): URL => {
      writeFileSync(join(folder, name), sql);
      return pathToFileURL(join(folder, name));
    };
    const model = file('queue_daily.sql', changed(sqlFile(view.model)));
    const audits = audit === undefined ? view.audits : [file('audit.sql', audit)];
    await lake.bronze('ivr_calls', [call({})]);
    await lake.silver('ivr_calls');
    const tables = (name: string) => ({ location: lake.table(`silver/${name}`), contract: present(contractOf(name)) });
    const options = { ...lake.tools(), tables, gold: lake.table('gold/queue_daily') };
    return buildGold({ ...options, view: { ...view, model, audits } }, signal);
  }

  test('a model that makes rows of other days fails an audit, and nothing is committed', async () => {
    const failing = build((model) => model.replace('start_date AS date', 'start_date + 1 AS date'));
    await expect(failing).rejects.toMatchObject({ code: 'audit_failed', exitCode: 5 });
    expect((await lake.snapshot('gold/queue_daily'))?.files.size).toBe(0);
  });

  test('a model may call a step of its own like the table that it reads', async () => {
    const own = 'WITH ivr_calls AS (SELECT * REPLACE (queue_id || 2 AS queue_id) FROM ivr_calls)';
    await build((model) => `${own} SELECT * FROM (\n${model}\n)`);
    expect((await lake.rows('gold/queue_daily')).map((row) => row['queue_id'])).toEqual([expect.stringMatching(/2$/)]);
  });

  test('an audit may have steps of its own', async () => {
    const found = await build((model) => model, 'WITH bad AS (FROM rows WHERE calls > 9) SELECT * FROM bad');
    expect(found.outcome).toBe('complete');
  });

  test('an audit may read what the model reads', async () => {
    const audit = 'FROM rows WHERE queue_id IN (SELECT queue_id FROM ivr_calls)';
    await expect(build((model) => model, audit)).rejects.toMatchObject({ code: 'audit_failed', exitCode: 5 });
  });
});

test('a source that was read before another run brought the view further is read again', async () => {
  for (const leg_id of ['a', 'b']) {
    await lake.bronze('call_legs', [leg({ leg_id })]);
    await lake.run();
  }
  const view = present(callCentre.gold.find(({ name }) => name === 'agent_daily'));
  const lists: string[] = [];
  const late: ObjectStore = {
    ...lake.store,
    async *list(prefix, abort, options) {
      lists.push(prefix);
      const isFirst = lists.filter((each) => each === prefix).length === 1;
      for await (const found of lake.store.list(prefix, abort, options)) {
        if (!isFirst || !found.path.endsWith('call_legs/_delta_log/00000000000000000002.json')) yield found;
      }
    },
  };
  const tables = (name: string) => {
    return { location: { store: late, root: `silver/${name}` }, contract: present(contractOf(name)) };
  };
  const opened = readSnapshot(lake.table('gold/agent_daily'), signal);
  const [, sources] = await pinSources({ view, tables }, opened, signal);
  const legs = sources.find(({ read }) => read.table === 'call_legs');
  expect([legs?.from, legs?.snapshot?.version]).toEqual([2, 2]);
  expect(lists.filter((prefix) => prefix === 'silver/call_legs/_delta_log/')).toHaveLength(2);
});
