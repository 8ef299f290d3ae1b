import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../support/azurite.ts';
import { errorOf, query, sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const home = temporaryFolder();
let hub: LocalHub;
beforeAll(async () => {
  hub = await startLocalHub(home.folder, ['--partitions', '2']);
  const sent = await sluice(['produce', '--ticks', '20', '--seed', '5'], where('none'));
  if (sent.exitCode !== 0) throw new Error(sent.stderr);
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

function where(lake: string, more: Readonly<Record<string, string>> = {}) {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: path.join(home.folder, lake), ...more };
  return { folder: home.folder, settings };
}

/** What a stream leaves that read `next` of each hub's partitions, a query for both hubs. */
function checkpoint(name: string, next: object): string {
  const folder = path.join(home.folder, name);
  for (const part of ['offsets', 'commits']) mkdirSync(path.join(folder, part), { recursive: true });
  const query_ = '{"batchWatermarkMs":0,"batchTimestampMs":1767571200000,"conf":{}}';
  writeFileSync(path.join(folder, 'offsets/4'), ['v1', query_, JSON.stringify(next)].join('\n'));
  writeFileSync(path.join(folder, 'commits/4'), 'v1\n{"nextBatchWatermarkMs":0}');
  return folder;
}

const NEXT = { ivr_calls: { 0: 11, 1: 0 }, call_legs: { 0: 3, 1: 5 } };
const begins = (lake: string) =>
  query(
    `SELECT 'ivr_calls' AS hub, partition_id, min(sequence_number)::INTEGER AS begins, count(*)::INTEGER AS n,
       max(sequence_number)::INTEGER AS ends FROM bronze.ivr_calls GROUP BY ALL
     UNION ALL
     SELECT 'call_legs', partition_id, min(sequence_number)::INTEGER, count(*)::INTEGER, max(sequence_number)::INTEGER
     FROM bronze.call_legs GROUP BY ALL
     UNION ALL
     SELECT 'surveys', partition_id, min(sequence_number)::INTEGER, count(*)::INTEGER, max(sequence_number)::INTEGER
     FROM bronze.surveys GROUP BY ALL
     ORDER BY hub DESC, partition_id`,
    where(lake),
  );

test('a dry run tells where each partition would begin, and makes no lake', async () => {
  const folder = checkpoint('stream', NEXT);
  const dry = await sluice(['adopt', '--spark-checkpoint', folder, '--dry-run', '--json'], where('dry'));
  expect(dry.exitCode).toBe(0);
  const found = JSON.parse(dry.stdout);
  expect(found).toMatchObject({ outcome: 'dry run', batch: 4 });
  expect(found.partitions.map(({ next }: { next: number }) => next)).toEqual([11, 0, 3, 5]);
  expect(existsSync(path.join(home.folder, 'dry'))).toBe(false);
});

test('the first run goes on where the stream ended, and hubs it did not read begin at their start', async () => {
  const folder = checkpoint('stream', NEXT);
  const adopted = await sluice(['adopt', '--spark-checkpoint', folder], where('lake'));
  expect(adopted.exitCode).toBe(0);
  expect(adopted.stdout).toMatch(/the stream ended with batch 4; the next run goes on from there/);
  const run = await sluice(['ingest-once', '--json'], where('lake'));
  expect(run.exitCode).toBe(0);
  const rows = await begins('lake');
  expect(rows.map(({ begins: first }) => first)).toEqual([0, 0, 11, 0, 3, 5]);
  // No hole from there on.
  for (const { begins: first, ends, n } of rows) expect(Number(ends) - Number(first) + 1).toBe(n);
  expect(await query('SELECT count(*)::INTEGER AS n FROM sluice.gaps', where('lake'))).toEqual([{ n: 0 }]);
});

test('a second time it is there already; after a run that read on it is refused, and nothing changes', async () => {
  const folder = checkpoint('stream', NEXT);
  expect((await sluice(['adopt', '--spark-checkpoint', folder], where('again'))).exitCode).toBe(0);
  const twice = await sluice(['adopt', '--spark-checkpoint', folder, '--json'], where('again'));
  expect(JSON.parse(twice.stdout)).toMatchObject({ outcome: 'empty' });
  const refused = await sluice(['adopt', '--spark-checkpoint', folder], where('lake'));
  expect(refused.exitCode).toBe(2);
  expect(errorOf(refused)).toMatchObject({ code: 'adopt_refused' });
  expect(errorOf(refused).message).toMatch(/bronze\/ivr_calls has read it up to \d+.*Nothing changed/);
});

test('one partition that cannot be adopted keeps all from it', async () => {
  const folder = checkpoint('beyond', { ivr_calls: { 0: 11, 1: 1_000_000 } });
  const refused = await sluice(['adopt', '--spark-checkpoint', folder], where('untouched'));
  expect(refused.exitCode).toBe(2);
  expect(errorOf(refused).message).toMatch(/wants 1000000 next, but the hub ends at/);
  expect(existsSync(path.join(home.folder, 'untouched'))).toBe(false);
});

test('a checkpoint in a container is read where it lies; one of another cloud folder is a usage of 2', async () => {
  const azurite = await startAzurite();
  try {
    const more = { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString };
    const url = `${azurite.blobUrl}/checkpoints/nowhere`;
    const absent = await sluice(['adopt', '--spark-checkpoint', url, '--dry-run'], where('dry', more));
    expect(absent.exitCode).toBe(2);
    expect(errorOf(absent).message).toMatch(/has no offsets\//);
    const dbfs = await sluice(['adopt', '--spark-checkpoint', 'dbfs:/x', '--dry-run'], where('dry'));
    expect(dbfs.exitCode).toBe(2);
    expect(errorOf(dbfs).message).toMatch(/--spark-checkpoint begins with "dbfs:"/);
  } finally {
    await azurite.stop();
  }
});
