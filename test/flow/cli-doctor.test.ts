import { existsSync } from 'node:fs';
import path from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../src/cli/finding.ts';
import { startAzurite } from '../support/azurite.ts';
import { sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const home = temporaryFolder();
let hub: LocalHub;
beforeAll(async () => {
  hub = await startLocalHub(home.folder, ['--partitions', '2']);
  const sent = await sluice(['produce', '--ticks', '3'], { folder: home.folder, settings: settings() });
  if (sent.exitCode !== 0) throw new Error(sent.stderr);
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

function settings(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: path.join(home.folder, 'lake'), ...more };
}

async function doctor(more: Readonly<Record<string, string>> = {}, without: readonly string[] = []) {
  const given = Object.entries(settings(more)).filter(([name]) => !without.includes(name));
  const finished = await sluice(['doctor', '--json'], { folder: home.folder, settings: Object.fromEntries(given) });
  const { exitCode, checks } = JSON.parse(finished.stdout) as { exitCode: number; checks: Finding[] };
  expect(finished.exitCode).toBe(exitCode);
  return { exitCode, checks, failed: checks.filter(({ state }) => state === 'failed') };
}

test('all is well: every check is a line, exit 0, and there is no lake after', async () => {
  const found = await sluice(['doctor'], { folder: home.folder, settings: settings() });
  expect(found.exitCode).toBe(0);
  const names = [...found.stdout.matchAll(/^(?:ok {2}|warn|FAIL|- {3}) {2}(\S+(?: \S+)?) {2,}\S/gm)].map(
    (match) => match[1],
  );
  const hubs = ['ivr_calls', 'call_legs', 'surveys'].flatMap((name) => [`hub ${name}`, `listen ${name}`]);
  const before = ['node', 'settings', 'memory', 'scratch', 'pipeline', 'lake', 'clock', 'checkpoints', 'lease'];
  expect(names).toEqual([...before, ...hubs, 'tables', 'positions']);
  expect(found.stdout).toMatch(/\nall is well\n$/);
  expect(existsSync(path.join(home.folder, 'lake'))).toBe(false);
});

test('on Azurite: the clock is compared, and no blob and no container is left', async () => {
  const azurite = await startAzurite();
  try {
    const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
    await service.createContainer('lake');
    const more = { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString };
    const places = { SLUICE_LAKE: `${azurite.blobUrl}/lake`, SLUICE_CHECKPOINTS: `${azurite.blobUrl}/absent` };
    const found = await doctor({ ...more, ...places });
    expect(found.exitCode).toBe(0);
    const by = new Map(found.checks.map((each) => [each.check, each]));
    expect(by.get('lake')?.state).toBe('ok');
    expect(by.get('clock')?.says).toMatch(/within 30 s/);
    expect(by.get('checkpoints')).toMatchObject({ state: 'warning', says: expect.stringMatching(/a run makes it/) });
    const blobs: string[] = [];
    for await (const each of service.getContainerClient('lake').listBlobsFlat()) blobs.push(each.name);
    expect(blobs).toEqual([]);
    expect(await service.getContainerClient('absent').exists()).toBe(false);
  } finally {
    await azurite.stop();
  }
});

test('wrong settings are told all at once, before anything is tried', async () => {
  const found = await doctor({ SLUICE_THREADS: 'many', SLUICE_ON_LOSS: 'ignore' });
  expect(found.exitCode).toBe(2);
  expect(found.failed).toHaveLength(1);
  expect(found.failed[0]?.says).toMatch(/SLUICE_ON_LOSS is "ignore".*; SLUICE_THREADS is "many"/);
  expect(found.checks.map(({ check }) => check)).toEqual(['node', 'settings']);
});

test('what is not set is named; the rest is checked all the same', async () => {
  const found = await doctor({}, ['SLUICE_EVENTHUBS', 'SLUICE_LAKE']);
  expect(found.exitCode).toBe(2);
  expect(found.failed.map(({ check }) => check)).toEqual(['lake', 'eventhubs']);
  expect(found.checks.find(({ check }) => check === 'scratch')?.state).toBe('ok');
});

test.each([
  ['a key that is wrong', (text: string) => text.replace('SAS_KEY_VALUE', 'other'), 4, 'eventhubs_unauthorized'],
  ['nobody at the port', (text: string) => text.replace(/localhost:\d+/, 'localhost:1'), 4, 'eventhubs_unavailable'],
])('%s: the hubs fail with what is wrong, the lake is well', async (_, bend, exitCode, code) => {
  const found = await doctor({ SLUICE_EVENTHUBS: bend(hub.connectionString) });
  expect(found.exitCode).toBe(exitCode);
  expect(found.failed.map((each) => each.code)).toEqual(Array(3).fill(code));
  expect(found.checks.find(({ check }) => check === 'lake')?.state).toBe('ok');
});

test('a hub, a group or a time zone that is another: exit 2 and its name', async () => {
  const other = await doctor({ SLUICE_HUBS: 'surveys=nowhere', SLUICE_CONSUMER_GROUP: 'nobody' });
  expect(other.exitCode).toBe(2);
  expect(other.failed.map(({ code }) => code).toSorted()).toEqual([
    'consumer_group_not_found',
    'consumer_group_not_found',
    'hub_not_found',
  ]);
  const run = await sluice(['ingest-once'], { folder: home.folder, settings: settings() });
  expect(run.exitCode).toBe(0);
  const zone = await doctor({ SLUICE_TIME_ZONE: 'UTC' });
  expect(zone).toMatchObject({ exitCode: 2, failed: [{ check: 'tables', code: 'time_zone_mismatch' }] });
  expect(zone.failed[0]?.says).toMatch(/SLUICE_TIME_ZONE is UTC.*rebuild/);
});
