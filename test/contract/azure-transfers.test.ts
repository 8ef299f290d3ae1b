import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openAzureBlob } from '../../src/storage/azure-blob.ts';
import { connectContainer } from '../../src/storage/azure-container.ts';
import { parseLake } from '../../src/storage/open-store.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

const signal = new AbortController().signal;
const STALL_MS = 300;
const CHUNKS = 8;
/** The key is no secret: the service here checks none. */
const KEY = Buffer.from('any key').toString('base64');

let folder: string;
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-transfers-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A Blob service that knows but one answer, and takes the creation of the container by `created`. */
async function service(
  answer: (request: IncomingMessage, reply: ServerResponse) => unknown,
  created = [201],
): Promise<{ store: ObjectStore; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, reply) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.url?.includes('restype=container') !== true) return void answer(request, reply);
    reply.writeHead(created.shift() ?? 201, { 'retry-after-ms': '20', 'content-length': 0 });
    reply.end();
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/account1`;
  const location = parseLake(`${url}/lake`);
  if (location.kind !== 'azure') throw new Error('http is Azure');
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=account1;AccountKey=${KEY};BlobEndpoint=${url};`;
  const container = await connectContainer(location, { connectionString, setting: 'SLUICE_LAKE' }, signal);
  return { store: openAzureBlob(container, '', 'SLUICE_LAKE', STALL_MS), requests };
}

describe('moving files to and from Azure', () => {
  test('an upload that nobody takes is given up when no byte moved for the limit', async () => {
    const { store } = await service(() => {});
    const file = path.join(folder, 'up');
    await writeFile(file, 'a few bytes');
    await expect(store.upload('x', file, signal)).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining(`no byte moved for ${STALL_MS} ms`),
    });
  });

  test('a download that stops halfway is given up, and leaves no half file', async () => {
    const { store } = await service((_, reply) => {
      reply.writeHead(200, { 'content-length': 100, etag: '"1"' });
      reply.write('half');
    });
    const file = path.join(folder, 'stopped');
    await expect(store.download('x', file, signal)).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining(`no byte moved for ${STALL_MS} ms`),
    });
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a download that is slow, but moves, is not given up', async () => {
    const { store } = await service(async (_, reply) => {
      reply.writeHead(200, { 'content-length': CHUNKS, etag: '"1"' });
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        reply.write('x');
        await delay(STALL_MS / 4);
      }
      reply.end();
    });
    const file = path.join(folder, 'slow');
    expect(await store.download('x', file, signal)).toBe(true);
    expect(await readFile(file, 'utf8')).toBe('x'.repeat(CHUNKS));
  });
});

describe('the client of Azure', () => {
  test('tries once: repeating is for who knows what may be repeated', async () => {
    const { store, requests } = await service((_, reply) => reply.writeHead(503, { 'content-length': 0 }).end());
    await expect(store.read('x', signal)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(requests.filter((request) => request.startsWith('GET'))).toHaveLength(1);
  });

  test('reaches a container whose service is busy at first', async () => {
    const { requests } = await service(() => {}, [503, 429, 201]);
    expect(requests).toHaveLength(3);
  });
});
