import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { query, sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const home = temporaryFolder();
let hub: LocalHub;
let azurite: Azurite;
beforeAll(async () => {
  [hub, azurite] = await Promise.all([startLocalHub(home.folder), startAzurite()]);
});
afterAll(async () => {
  await Promise.all([hub.stop(), azurite.stop()]);
  home.remove();
});

function where(lake: 'folder' | 'azurite') {
  const place =
    lake === 'folder'
      ? { SLUICE_LAKE: path.join(home.folder, 'lake') }
      : { SLUICE_LAKE: `${azurite.blobUrl}/lake`, AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString };
  return { folder: home.folder, settings: { SLUICE_EVENTHUBS: hub.connectionString, ...place } };
}

/** Sums that change if a row is lost, doubled or altered. */
const CONTENTS = `SELECT
  (SELECT count(*) || ' ' || sum(sequence_number) || ' ' || sum(length(body)) FROM bronze.call_legs) AS bronze,
  (SELECT count(*) || ' ' || count(DISTINCT leg_id) || ' ' || sum(epoch_us(ended_at)) FROM silver.call_legs) AS silver,
  (SELECT count(*) || ' ' || sum(handled_legs) || ' ' || sum(repeat_calls) FROM gold.agent_daily) AS gold,
  (SELECT sum(calls) || ' ' || sum(human_legs) FROM gold.queue_daily) AS queues`;

test.each(['folder', 'azurite'] as const)(
  'a lake in a %s is optimized, rebuilt and vacuumed, and its tables say the same',
  async (lake) => {
    const on = where(lake);
    const json = async (...args: string[]) => {
      const run = await sluice([...args, '--json'], on);
      expect(run.stderr).not.toMatch(/"level":"error"/);
      expect(run.exitCode).toBe(0);
      return JSON.parse(run.stdout);
    };
    const from = ['--from', '2026-01-05T12:00:00Z'];
    for (const seed of lake === 'folder' ? ['1', '2', '3'] : ['4', '5']) {
      expect((await sluice(['produce', '--ticks', '2', '--seed', seed, ...from], on)).exitCode).toBe(0);
      expect(await json('ingest-once')).toMatchObject({ outcome: 'complete' });
    }
    const before = await query(CONTENTS, on);

    const optimized = await json('optimize');
    expect(optimized).toMatchObject({ command: 'optimize', outcome: 'complete', exitCode: 0 });
    const tableOf = (document: typeof optimized, table: string) =>
      document.tables.find((each: { table: string }) => each.table === table);
    expect(tableOf(optimized, 'bronze/call_legs')).toMatchObject({ filesAdded: 1, filesWaiting: 0, filesLeft: 0 });
    expect(await json('optimize', 'silver.call_legs')).toMatchObject({
      outcome: 'empty',
      tables: [{ filesRemoved: 0 }],
    });
    expect(await query(CONTENTS, on)).toEqual(before);

    const rebuilt = await json('rebuild', 'silver');
    expect(rebuilt).toMatchObject({ command: 'rebuild', outcome: 'complete', exitCode: 0 });
    expect(await json('rebuild', 'gold', '--day', '2026-01-05')).toMatchObject({ outcome: 'complete' });
    expect(await json('rebuild', 'gold')).toMatchObject({ outcome: 'complete' });
    expect(await query(CONTENTS, on)).toEqual(before);

    const listed = await json('vacuum', '--retain', '1ms');
    const found = tableOf(listed, 'bronze/call_legs');
    expect(found).toMatchObject({ outcome: 'complete', applied: false, deleted: 0, found: lake === 'folder' ? 3 : 2 });
    expect(tableOf(await json('vacuum'), 'bronze/call_legs')).toMatchObject({ outcome: 'empty' });
    const applied = await json('vacuum', '--retain', '1ms', '--apply');
    expect(tableOf(applied, 'bronze/call_legs').deleted).toBe(found.found);
    expect(tableOf(await json('vacuum', '--retain', '1ms'), 'bronze/call_legs')).toMatchObject({ found: 0 });
    expect(await query(CONTENTS, on)).toEqual(before);
    expect(await json('ingest-once')).toMatchObject({ outcome: 'empty' });
  },
  120_000,
);

test('rejected events and a range are replayed: what is there is left out, and what stays rejected stays', async () => {
  const on = where('folder');
  const before = await query(CONTENTS, on);
  const rejected = await sluice(['replay', '--rejected', '--json'], on);
  expect(JSON.parse(rejected.stdout)).toMatchObject({ command: 'replay', outcome: 'empty', exitCode: 0 });
  const args = ['--hub', 'call_legs', '--partition', '0', '--from', '0', '--to', '1000000'];
  const range = await sluice(['replay', ...args, '--json'], on);
  expect(JSON.parse(range.stdout)).toMatchObject({ outcome: 'empty', tables: [{ missing: 0, found: 0 }] });
  expect(await query(CONTENTS, on)).toEqual(before);
});

test.each([
  [['replay'], /give --rejected, or --hub/],
  [['replay', '--rejected', '--hub', 'call_legs'], /all together/],
  [['replay', '--reason', 'not_json'], /give --rejected/],
  [['replay', '--hub', 'call_leg', '--partition', '0', '--from', '0', '--to', '1'], /did you mean call_legs/],
  [['replay', '--hub', 'call_legs', '--partition', '0', '--from', '2', '--to', '1'], /other way round/],
  [['replay', '--hub', 'call_legs', '--partition', '9', '--from', '0', '--to', '1'], /has no partition 9/],
  [['rebuild', 'silver', '--day', '2026-01-05'], /--day is for gold/],
  [['rebuild', 'gold', '--day', '2026-02-30'], /Give a day such as/],
  [['vacuum', '--retain', '7'], /Give a duration/],
])('%j is a usage error', async (args, message) => {
  const run = await sluice(args, where('folder'));
  expect(run.stderr).toMatch(message);
  expect(run.exitCode).toBe(2);
});

test('an unknown table is a usage error that names the nearest', async () => {
  const run = await sluice(['optimize', 'silver.call_leg'], where('folder'));
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('did you mean silver.call_legs?');
});
