import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { errorOf, sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const home = temporaryFolder();
let hub: LocalHub;
let azurite: Azurite;
let lake: string;
let count = 0;

beforeAll(async () => {
  [hub, azurite] = await Promise.all([startLocalHub(home.folder), startAzurite()]);
});
beforeEach(() => {
  lake = path.join(home.folder, `lake-${(count += 1)}`);
});
afterAll(async () => {
  await Promise.all([hub.stop(), azurite.stop()]);
  home.remove();
});

/** Runs ingest-once with one thing wrong, and holds it to one error line, no result and an untouched lake. */
async function refused(settings: Record<string, string>, flags: string[] = []) {
  const all = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake, ...settings };
  const finished = await sluice(['ingest-once', ...flags], { folder: home.folder, settings: all });
  expect(finished.stdout).toBe('');
  expect(existsSync(lake)).toBe(false);
  expect(finished.seconds).toBeLessThan(20);
  return { ...errorOf(finished), exitCode: finished.exitCode };
}

async function refusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('bad input ends with one clear line and the right exit code, and writes nothing', () => {
  test('a missing connection string', async () => {
    const finished = await sluice(['ingest-once'], { folder: home.folder, settings: { SLUICE_LAKE: lake } });
    expect(finished.exitCode).toBe(2);
    expect(errorOf(finished).message).toMatch(/SLUICE_EVENTHUBS is not set: give a connection string/);
    expect(existsSync(lake)).toBe(false);
  });

  test('a connection string that is none', async () => {
    const found = await refused({ SLUICE_EVENTHUBS: 'Endpoint=sb://localhost' });
    expect(found).toMatchObject({ exitCode: 2, code: 'configuration' });
    expect(found.message).toMatch(/SLUICE_EVENTHUBS needs SharedAccessKeyName/);
  });

  test('a hub that the namespace does not have', async () => {
    const found = await refused({ SLUICE_HUBS: 'surveys=nowhere' });
    expect(found).toMatchObject({ exitCode: 2, code: 'hub_not_found' });
    expect(found.message).toMatch(/nowhere.*SLUICE_HUBS/s);
  });

  test('a consumer group that the hub does not have', async () => {
    const where = { folder: home.folder, settings: { SLUICE_EVENTHUBS: hub.connectionString } };
    expect((await sluice(['produce'], where)).exitCode).toBe(0);
    const found = await refused({ SLUICE_CONSUMER_GROUP: 'nobody' });
    expect(found).toMatchObject({ exitCode: 2, code: 'consumer_group_not_found' });
    expect(found.message).toMatch(/nobody.*SLUICE_CONSUMER_GROUP/s);
  });

  test('a hub that the pipeline does not have', async () => {
    const found = await refused({}, ['--hub', 'call_leg']);
    expect(found).toMatchObject({ exitCode: 2, code: 'usage' });
    expect(found.message).toContain('did you mean call_legs?');
  });

  test('a port that refuses, within 20 s, named with its number', async () => {
    const port = await refusedPort();
    const connection = hub.connectionString.replace(/localhost:\d+/, `localhost:${port}`);
    const found = await refused({ SLUICE_EVENTHUBS: connection });
    expect(found).toMatchObject({ exitCode: 4, code: 'eventhubs_unavailable' });
    expect(found.message).toContain(`localhost:${port}`);
  });

  test('a wrong key', async () => {
    const connection = hub.connectionString.replace('SAS_KEY_VALUE', 'WRONG');
    const found = await refused({ SLUICE_EVENTHUBS: connection });
    expect(found).toMatchObject({ exitCode: 4, code: 'eventhubs_unauthorized' });
    expect(found.message).toMatch(/unauthorized/);
    expect(found.message).not.toContain('WRONG');
  });

  test('with --json what went wrong is one JSON document on stdout as well', async () => {
    const port = await refusedPort();
    const connection = hub.connectionString.replace(/localhost:\d+/, `localhost:${port}`);
    const settings = { SLUICE_EVENTHUBS: connection, SLUICE_LAKE: lake };
    const finished = await sluice(['ingest-once', '--json'], { folder: home.folder, settings });
    const { outcome, exitCode, errors } = JSON.parse(finished.stdout);
    expect([finished.exitCode, outcome, exitCode]).toEqual([4, 'failed', 4]);
    expect(errors).toEqual([
      { code: 'eventhubs_unavailable', exitCode: 4, retryable: true, message: errorOf(finished).message },
    ]);
  });

  test('a lake below a file', async () => {
    const file = path.join(home.folder, 'file');
    writeFileSync(file, '');
    const found = await refused({ SLUICE_LAKE: path.join(file, 'lake') });
    expect(found).toMatchObject({ exitCode: 2, code: 'configuration' });
    expect(found.message).toMatch(/a file stands where a folder is needed; change SLUICE_LAKE/);
  });

  test('a lake without permission', async () => {
    // Nobody may make a folder there, root neither.
    const found = await refused({ SLUICE_LAKE: process.platform === 'linux' ? '/sys/lake' : '/System/lake' });
    expect(found).toMatchObject({ exitCode: 4, code: 'storage_unauthorized' });
    expect(found.message).toMatch(/unauthorized.*SLUICE_LAKE/);
  });

  test('an Azure lake with a wrong key', async () => {
    const found = await refused({
      SLUICE_LAKE: `${azurite.blobUrl}/lake`,
      AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString.replace('AccountKey=Eby8', 'AccountKey=AAAA'),
    });
    expect(found).toMatchObject({ exitCode: 4, code: 'storage_unauthorized' });
    expect(found.message).toMatch(/unauthorized.*SLUICE_LAKE/);
  });

  test('a time zone that does not exist', async () => {
    const found = await refused({ SLUICE_TIME_ZONE: 'America/Sao_Pualo' });
    expect(found).toMatchObject({ exitCode: 2, code: 'configuration' });
    expect(found.message).toMatch(/SLUICE_TIME_ZONE.*did you mean America\/Sao_Paulo\?/);
  });

  test('an unknown flag', async () => {
    const found = await refused({}, ['--time-budge', '5m']);
    expect(found).toMatchObject({ exitCode: 2, code: 'usage' });
    expect(found.message).toContain('--time-budget');
  });

  test('a statement that is no SQL, and a table that is not there', async () => {
    const settings = { SLUICE_LAKE: home.folder };
    const wrong = await sluice(['sql', 'SELEC 1'], { folder: home.folder, settings });
    expect({ ...errorOf(wrong), exitCode: wrong.exitCode }).toMatchObject({ exitCode: 2, code: 'sql_invalid' });
    const missing = await sluice(['sql', 'SELECT * FROM gold.agent_day'], { folder: home.folder, settings });
    expect(missing.exitCode).toBe(2);
    expect(errorOf(missing).message).toMatch(/did you mean gold\.agent_daily\?.*silver\.rejected_events/s);
  });

  test('a port of the hub that is in use', async () => {
    const port = /localhost:(\d+)/.exec(hub.connectionString)?.[1] ?? '';
    const data = path.join(home.folder, 'second');
    const flags = ['--port', port, '--tls-port', 'off', '--health-port', 'off', '--data', data];
    const finished = await sluice(['hub', ...flags], { folder: home.folder });
    expect(finished).toMatchObject({ exitCode: 2, stdout: '' });
    expect(errorOf(finished)).toMatchObject({ code: 'port_in_use' });
  });
});

test('a runs table that is broken, which a run looks at ahead, costs no data: only its row is missing', async () => {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake, SLUICE_LOG: 'debug' };
  const log = path.join(lake, '_sluice/runs/_delta_log');
  mkdirSync(log, { recursive: true });
  writeFileSync(path.join(log, '00000000000000000001.json'), '{"commitInfo":{}}\n');
  const finished = await sluice(['ingest-once'], { folder: home.folder, settings });
  expect(finished.exitCode).toBe(0);
  expect(existsSync(path.join(lake, 'gold/agent_daily/_delta_log/00000000000000000000.json'))).toBe(true);
  expect(finished.stderr).toMatch(/"level":"debug".*a table could not be looked at ahead.*_sluice\/runs/);
  expect(finished.stderr).toMatch(/"level":"warn".*the receipt could not be written/);
});
