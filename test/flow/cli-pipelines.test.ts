import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commits } from '../support/busy-lake.ts';
import { errorOf, LAUNCHER, query, sluice, startLocalHub } from '../support/sluice-process.ts';
import { temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const home = temporaryFolder();
const callCentre = path.join(path.dirname(path.dirname(LAUNCHER)), 'src/pipeline.ts');
let hub: LocalHub;
let calls: number;

beforeAll(async () => {
  hub = await startLocalHub(home.folder);
  const sent = await sluice(['produce', '--ticks', '5', '--seed', '7'], where('none'));
  calls = Number(/ivr_calls: (\d+) events sent/.exec(sent.stdout)?.[1]);
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

function where(lake: string, more: Readonly<Record<string, string>> = {}) {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: path.join(home.folder, lake), ...more };
  return { folder: home.folder, settings };
}

test('one hub asked for on a fresh lake: every layer has all its tables', async () => {
  const run = await sluice(['ingest-once', '--hub', 'call_legs', '--json'], where('part'));
  expect(run.exitCode).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ outcome: 'complete', hubs: [{ dataset: 'call_legs' }] });
  const tables = ['ivr_calls', 'call_legs', 'surveys', 'rejected_events', 'agents', 'customers'];
  const bronze = ['ivr_calls', 'call_legs', 'surveys'].map((name) => `bronze/${name}`);
  const silver = tables.map((name) => `silver/${name}`);
  const roots = [...bronze, ...silver, 'gold/agent_daily', 'gold/queue_daily', '_sluice/gaps'];
  expect(roots.filter((root) => commits(path.join(home.folder, 'part'), root) === 0)).toEqual([]);
  const [found] = await query(
    `SELECT (SELECT count(*) FROM silver.call_legs) > 0 AS legs,
       (SELECT count(*) FROM silver.ivr_calls)::INTEGER AS calls,
       (SELECT count(*) FROM gold.agent_daily) > 0 AS agents`,
    where('part'),
  );
  expect(found).toEqual({ legs: true, calls: 0, agents: true });
  // What was not asked for then comes later.
  expect((await sluice(['ingest-once'], where('part'))).exitCode).toBe(0);
  const [later] = await query('SELECT sum(calls)::INTEGER AS calls FROM gold.queue_daily', where('part'));
  expect(later).toEqual({ calls });
});

describe('SLUICE_PIPELINE', () => {
  const module = (name: string, text: string): string => {
    writeFileSync(path.join(home.folder, name), text);
    return name;
  };

  test.each(['relative', 'absolute'])('as %s path names the pipeline that runs', async (kind) => {
    const name = module(
      'calls-only.ts',
      `import { callCentre } from ${JSON.stringify(callCentre)};
       const datasets = callCentre.datasets.filter(({ name }) => name === 'ivr_calls');
       export const pipeline = { ...callCentre, name: 'calls only', datasets, dimensions: [], gold: [] };`,
    );
    const file = kind === 'relative' ? name : path.join(home.folder, name);
    const run = await sluice(['ingest-once', '--json'], where(`own-${kind}`, { SLUICE_PIPELINE: file }));
    expect(run.exitCode).toBe(0);
    const receipt = JSON.parse(run.stdout);
    expect(receipt).toMatchObject({ outcome: 'complete', gold: [] });
    expect(receipt.silver).toMatchObject([{ table: 'silver/ivr_calls', written: calls }]);
  });

  test('that lies in no package has the kit all the same, and it is the engine’s own copy', async () => {
    const name = module(
      'anywhere.ts',
      `import { integer, text, z } from 'sluice/pipeline-kit';
       import { callCentre } from ${JSON.stringify(callCentre)};
       import { integer as inner } from ${JSON.stringify(path.join(path.dirname(callCentre), 'pipeline-kit.ts'))};
       if (integer !== inner) throw new Error('another copy');
       z.object({ a: text() }).parse({ a: 'b' });
       export const pipeline = { ...callCentre, name: 'anywhere' };`,
    );
    const found = await sluice(['doctor', '--json'], where('anywhere', { SLUICE_PIPELINE: name }));
    const checks = JSON.parse(found.stdout).checks as { check: string; state: string; says: string }[];
    expect(checks.find(({ check }) => check === 'pipeline')).toMatchObject({
      state: 'ok',
      says: expect.stringMatching(/^anywhere: 3/),
    });
  });

  test.each([
    ['is not there', () => 'nowhere.ts', /nowhere\.ts cannot be loaded/],
    ['is no JavaScript', () => module('broken.ts', 'export const pipeline = {'), /broken\.ts cannot be loaded/],
    ['exports none', () => module('other.ts', 'export const pipelines = 1;'), /no export named pipeline/],
    ['lacks a part', () => module('part.ts', 'export const pipeline = { datasets: [] };'), /without dimensions/],
  ])('that %s: exit 2 and one clear line, before anything is opened', async (_, file, message) => {
    const run = await sluice(['ingest-once'], where('refused', { SLUICE_PIPELINE: file() }));
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(errorOf(run)).toMatchObject({ code: 'configuration' });
    expect(errorOf(run).message).toMatch(message);
    expect(errorOf(run).message).not.toContain('\n');
    expect(commits(path.join(home.folder, 'refused'), 'silver/ivr_calls')).toBe(0);
  });
});
