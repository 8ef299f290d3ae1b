import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder } from '../../src/storage/folder.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { openStore, parseLake } from '../../src/storage/open-store.ts';
import type { ListOptions, ObjectStore } from '../../src/storage/storage.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';

const signal = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string | undefined => data && new TextDecoder().decode(data);

let azurite: Azurite;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-store-'));
  azurite = await startAzurite();
});
afterAll(async () => {
  await azurite?.stop();
  await rm(folder, { recursive: true, force: true });
});

const adapters: Record<string, () => Promise<ObjectStore>> = {
  folder: async () => openFolder(path.join(folder, randomUUID())),
  memory: async () => openMemory(),
  'azure blob': () =>
    openStore(
      parseLake(`${azurite.blobUrl}/${randomUUID()}/lake/below`),
      { connectionString: azurite.connectionString },
      signal,
    ),
};

describe.each(Object.entries(adapters))('the %s store', (name, open) => {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await open();
  });

  const listed = async (prefix: string, options?: ListOptions): Promise<string[]> => {
    const paths: string[] = [];
    for await (const info of store.list(prefix, signal, options)) paths.push(info.path);
    return paths;
  };

  test('of 20 writers that put the same absent object at once, one wins and its bytes stay', async () => {
    const writers = Array.from({ length: 20 }, (_, index) =>
      store.putIfAbsent('race/0.json', bytes(`${index}`), signal),
    );
    const outcomes = await Promise.all(writers);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(text(await store.read('race/0.json', signal))).toBe(String(outcomes.indexOf(true)));
    expect(await listed('race/')).toEqual(['race/0.json']);
  });

  test('put-if-absent leaves an object that was put before as it is', async () => {
    await store.put('there.txt', bytes('first'), signal);
    expect(await store.putIfAbsent('there.txt', bytes('second'), signal)).toBe(false);
    expect(text(await store.read('there.txt', signal))).toBe('first');
  });

  test('what was put is read back at once, also when it replaces a longer object', async () => {
    await store.put('own/write.txt', bytes('long enough'), signal);
    await store.put('own/write.txt', bytes('short'), signal);
    expect(text(await store.read('own/write.txt', signal))).toBe('short');
    await store.put('own/empty', new Uint8Array(), signal);
    expect(await store.read('own/empty', signal)).toHaveLength(0);
  });

  test('a part of a larger buffer is stored without its surroundings', async () => {
    await store.put('part', bytes('abcdef').subarray(2, 4), signal);
    expect(text(await store.read('part', signal))).toBe('cd');
  });

  test('an object that is not there reads as undefined, deletes without an error and does not download', async () => {
    expect(await store.read('nobody/here', signal)).toBeUndefined();
    await store.delete('nobody/here', signal);
    const target = path.join(folder, randomUUID());
    expect(await store.download('nobody/here', target, signal)).toBe(false);
    expect(await listed('nobody/')).toEqual([]);
  });

  test('listing goes by code units over the whole path, within the prefix and after a name', async () => {
    const names = ['l/a/2', 'l/a/10', 'l/a-b', 'l/a.b', 'l/ab', 'l/B', 'l/a/z/deep', 'l/é', 'm/out'];
    for (const each of names) await store.put(each, bytes(each), signal);
    const expected = ['l/B', 'l/a-b', 'l/a.b', 'l/a/10', 'l/a/2', 'l/a/z/deep', 'l/ab', 'l/é'];
    expect(await listed('l/')).toEqual(expected);
    expect(await listed('l/a/')).toEqual(['l/a/10', 'l/a/2', 'l/a/z/deep']);
    expect(await listed('l/a')).toEqual(expected.slice(1, 7));
    expect(await listed('l/', { after: 'l/a/10' })).toEqual(expected.slice(4));
    expect(await listed('l/', { after: 'l/a/1' })).toEqual(expected.slice(3));
    expect(await listed('l/', { after: 'l/a/' })).toEqual(expected.slice(3));
  });

  test('a listing tells size and time of each object', async () => {
    const beforeMs = Date.now() - 2_000;
    await store.put('sized/x', bytes('12345'), signal);
    for await (const info of store.list('sized/', signal)) {
      expect(info).toMatchObject({ path: 'sized/x', sizeBytes: 5 });
      expect(info.modifiedAtMs).toBeGreaterThan(beforeMs);
      expect(info.modifiedAtMs).toBeLessThan(Date.now() + 2_000);
    }
    expect.assertions(3);
  });

  test('metadata is kept with an object without bytes, replaced with it, and listed only where asked for', async () => {
    await store.put('meta/checkpoint', new Uint8Array(), signal, { sequencenumber: '41', offset: 'a b' });
    await store.put('meta/checkpoint', new Uint8Array(), signal, { sequencenumber: '42' });
    await store.put('meta/plain', bytes('x'), signal);
    const found = [];
    for await (const info of store.list('meta/', signal, { metadata: true })) found.push([info.path, info.metadata]);
    expect(found).toEqual([
      ['meta/checkpoint', { sequencenumber: '42' }],
      ['meta/plain', {}],
    ]);
    for await (const info of store.list('meta/', signal)) expect(info.metadata).toBeUndefined();
    await store.put('meta/checkpoint', new Uint8Array(), signal);
    for await (const info of store.list('meta/c', signal, { metadata: true })) expect(info.metadata).toEqual({});
  });

  test('a file goes up and comes down with the same bytes, replacing what was there', async () => {
    const data = Buffer.alloc(300_000, 'file of 300 kB ');
    const [source, target] = [path.join(folder, randomUUID()), path.join(folder, randomUUID())];
    await writeFile(source, data);
    await store.put('up/file', bytes('old'), signal);
    await store.upload('up/file', source, signal);
    expect(await store.download('up/file', target, signal)).toBe(true);
    expect(Buffer.compare(await readFile(target), data)).toBe(0);
    expect(Buffer.compare((await store.read('up/file', signal)) ?? new Uint8Array(), data)).toBe(0);
  });

  test('a deleted object is gone, and its name free again', async () => {
    await store.put('gone', bytes('1'), signal, { kept: 'no' });
    await store.delete('gone', signal);
    expect(await store.read('gone', signal)).toBeUndefined();
    expect(await listed('gone')).toEqual([]);
    expect(await store.putIfAbsent('gone', bytes('2'), signal)).toBe(true);
  });

  test('an aborted signal stops each call before it takes effect', async () => {
    const aborted = AbortSignal.abort();
    const target = path.join(folder, randomUUID());
    const calls: (() => Promise<unknown>)[] = [
      () => store.read('x', aborted),
      () => store.put('aborted', bytes('x'), aborted),
      () => store.putIfAbsent('aborted', bytes('x'), aborted),
      () => store.delete('x', aborted),
      () => store.download('x', target, aborted),
      () => store.upload('aborted', target, aborted),
      async () => {
        for await (const _ of store.list('', aborted)) break;
      },
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'AbortError' });
    expect(await store.read('aborted', signal)).toBeUndefined();
  });

  test('a path that leaves the lake is refused', async () => {
    for (const bad of ['../x', 'a/../../x', '/x', 'a//b', '', 'a\\b']) {
      await expect((async () => store.put(bad, bytes('x'), signal))()).rejects.toMatchObject({ code: 'internal' });
    }
  });

  test('its own file is told only by a store on this machine', async () => {
    await store.put('local/x', bytes('here'), signal);
    const file = store.localPath('local/x');
    const found = file === undefined ? undefined : await readFile(file, 'utf8');
    expect(found).toBe(name === 'folder' ? 'here' : undefined);
    expect(store.url).not.toContain('Key');
  });
});

test('an Azure lake below a prefix shows nothing of its neighbours', async () => {
  const container = `${azurite.blobUrl}/${randomUUID()}`;
  const options = { connectionString: azurite.connectionString };
  const inner = await openStore(parseLake(`${container}/a`), options, signal);
  const outer = await openStore(parseLake(container), options, signal);
  await inner.put('x', bytes('1'), signal);
  await outer.put('ab', bytes('2'), signal);
  const [innerPaths, outerPaths]: string[][] = [[], []];
  for await (const info of inner.list('', signal)) innerPaths?.push(info.path);
  for await (const info of outer.list('', signal)) outerPaths?.push(info.path);
  expect([innerPaths, outerPaths]).toEqual([['x'], ['a/x', 'ab']]);
});

test('directory placeholders of a hierarchical namespace are no objects', async () => {
  const options = { connectionString: azurite.connectionString };
  const store = await openStore(parseLake(`${azurite.blobUrl}/${randomUUID()}`), options, signal);
  await store.put('d', new Uint8Array(), signal, { hdi_isfolder: 'true' });
  await store.put('d/x', bytes('1'), signal);
  const paths = [];
  for await (const info of store.list('', signal)) paths.push(info.path);
  expect(paths).toEqual(['d/x']);
});

test('a wrong key is unauthorized, and the message names the endpoint with its port', async () => {
  const connectionString = azurite.connectionString.replace(/AccountKey=[^;]+/, 'AccountKey=d3Jvbmcga2V5');
  const port = new URL(azurite.blobUrl).port;
  await expect(
    openStore(parseLake(`${azurite.blobUrl}/${randomUUID()}`), { connectionString }, signal),
  ).rejects.toMatchObject({ code: 'storage_unauthorized', message: expect.stringContaining(`127.0.0.1:${port}`) });
});

test('an endpoint that refuses connections is unavailable within 20 s, by name', async () => {
  const stopped = await startAzurite();
  await stopped.stop();
  const { connectionString, blobUrl } = stopped;
  const startMs = Date.now();
  await expect(openStore(parseLake(`${blobUrl}/lake`), { connectionString }, signal)).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: expect.stringContaining(new URL(blobUrl).host),
  });
  expect(Date.now() - startMs).toBeLessThan(20_000);
});

test('a container that is missing reads as empty where it may not be created', async () => {
  const location = parseLake(`${azurite.blobUrl}/${randomUUID()}`);
  const options = { connectionString: azurite.connectionString, create: false };
  const store = await openStore(location, options, signal);
  expect(await store.read('x', signal)).toBeUndefined();
  for await (const info of store.list('', signal)) expect(info).toBeUndefined();
  await expect(store.put('x', bytes('1'), signal)).rejects.toMatchObject({ code: 'configuration' });
});
