import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStore, parseLake } from '../../../src/storage/open-store.ts';

const signal = new AbortController().signal;
const azure = { kind: 'azure', container: 'lake' };

describe('a lake setting', () => {
  test.each([
    ['.sluice/lake', { kind: 'folder', folder: path.resolve('.sluice/lake') }],
    ['/data/lake ', { kind: 'folder', folder: '/data/lake' }],
    ['file:///data/my%20lake', { kind: 'folder', folder: '/data/my lake' }],
    [
      'https://acc1.blob.core.windows.net/lake',
      { ...azure, account: 'acc1', endpoint: 'https://acc1.blob.core.windows.net', pathStyle: false, prefix: '' },
    ],
    [
      'https://acc1.blob.core.windows.net/lake/a/b/',
      { ...azure, account: 'acc1', endpoint: 'https://acc1.blob.core.windows.net', pathStyle: false, prefix: 'a/b' },
    ],
    [
      'abfss://lake@acc1.dfs.core.windows.net/a/b',
      { ...azure, account: 'acc1', endpoint: 'https://acc1.blob.core.windows.net', pathStyle: false, prefix: 'a/b' },
    ],
    [
      'https://acc1.dfs.core.chinacloudapi.cn/lake',
      { ...azure, account: 'acc1', endpoint: 'https://acc1.blob.core.chinacloudapi.cn', pathStyle: false, prefix: '' },
    ],
    [
      'http://127.0.0.1:10000/devstoreaccount1/lake/x',
      {
        ...azure,
        account: 'devstoreaccount1',
        endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
        pathStyle: true,
        prefix: 'x',
      },
    ],
  ])('%s is understood', (text, location) => {
    expect(parseLake(text)).toEqual(location);
  });

  test.each([
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['s3://bucket/lake', 's3:'],
    ['https://acc1.blob.core.windows.net/', 'names no container'],
    ['http://127.0.0.1:10000/devstoreaccount1', 'names no container'],
    ['https://acc1.blob.core.windows.net/lake?sig=secret', 'has a query'],
    ['abfss://acc1.dfs.core.windows.net/lake', 'abfss://CONTAINER@ACCOUNT'],
    ['https://[/lake', 'no valid URL'],
  ])('%j is a configuration error that names the setting', (text, reason) => {
    expect(() => parseLake(text, 'SLUICE_CHECKPOINTS')).toThrow(
      expect.objectContaining({ code: 'configuration', message: expect.stringContaining(reason) }),
    );
    expect(() => parseLake(text, 'SLUICE_CHECKPOINTS')).toThrow(/^SLUICE_CHECKPOINTS /);
  });
});

describe('opening', () => {
  const azurite = parseLake('http://127.0.0.1:1/devstoreaccount1/lake');

  test('plain http without the account’s key is a configuration error', async () => {
    await expect(openStore(azurite, {}, signal)).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('AZURE_STORAGE_CONNECTION_STRING is not set'),
    });
    const connectionString =
      'DefaultEndpointsProtocol=https;AccountName=other;AccountKey=eA==;EndpointSuffix=core.windows.net';
    await expect(openStore(azurite, { connectionString }, signal)).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('is for the account other'),
    });
  });

  test('a connection string that is none is a configuration error without its text', async () => {
    const opening = openStore(azurite, { connectionString: 'AccountKey=verysecret' }, signal);
    await expect(opening).rejects.toMatchObject({ code: 'configuration' });
    await expect(opening).rejects.not.toThrow(/verysecret/);
  });

  test('a folder loads nothing of Azure and creates nothing', () => {
    const script = `
      const { registerHooks } = await import('node:module');
      registerHooks({ load(url, context, next) {
        if (url.includes('@azure')) { console.log('loaded', url); process.exit(1); }
        return next(url, context);
      } });
      const { openStore, parseLake } = await import('./src/storage/open-store.ts');
      const store = await openStore(parseLake('/nonexistent/lake'), {}, new AbortController().signal);
      console.log(await store.read('x', new AbortController().signal));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([run.status, run.stdout.trim(), run.stderr]).toEqual([0, 'undefined', '']);
  });
});
