import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob';
import { ContainerClient } from '@azure/storage-blob';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoints } from '../../src/eventhubs/eventhubs.ts';
import { openAzureBlob } from '../../src/storage/azure-blob.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { openMemory } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { startAzurite } from '../support/azurite.ts';
import type { Azurite } from '../support/azurite.ts';

const never = new AbortController().signal;
const scope = { namespace: 'Name.servicebus.windows.net', hub: 'Calls', consumerGroup: '$Default' };
const written = [
  { partitionId: '0', sequenceNumber: 41, offset: '8589934592' },
  { partitionId: '1', sequenceNumber: -1, offset: '-1' },
  { partitionId: '10', sequenceNumber: 7, offset: 'opaque:7' },
];
let azurite: Azurite;
let container: ContainerClient;
let folder: string;

beforeAll(async () => {
  azurite = await startAzurite();
  container = new ContainerClient(azurite.connectionString, 'checkpoints');
  await container.create();
  folder = await mkdtemp(join(tmpdir(), 'sluice-checkpoints-'));
});

afterAll(async () => {
  await azurite.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each<[string, () => ObjectStore]>([
  ['Azure Blob', () => openAzureBlob(container, 'contract/')],
  ['a folder', () => openFolder(folder)],
  ['memory', () => openMemory()],
])('checkpoints in %s', (_name, open) => {
  test('come back as they were written, and move', async () => {
    const checkpoints = openCheckpoints(open(), scope);
    expect(await checkpoints.read(never)).toEqual(new Map());
    await checkpoints.write(written, never);
    const last = { partitionId: '0', sequenceNumber: 50, offset: '9000000000' };
    await checkpoints.write([last], never);
    const expected = [['0', 50] as const, ['1', -1] as const, ['10', 7] as const];
    expect(await checkpoints.read(never)).toEqual(new Map(expected));
  });
});

test('the genuine checkpoint store reads ours, the empty partition too, and we read its', async () => {
  const genuine = new BlobCheckpointStore(container);
  const ours = openCheckpoints(openAzureBlob(container), scope);
  await ours.write(written, never);
  const { namespace, hub, consumerGroup } = scope;
  const listed = await genuine.listCheckpoints(namespace, hub, consumerGroup);
  expect(
    listed.map(({ partitionId, sequenceNumber, offset }) => ({ partitionId, sequenceNumber, offset: String(offset) })),
  ).toEqual(written);
  await genuine.updateCheckpoint({
    fullyQualifiedNamespace: namespace,
    eventHubName: hub,
    consumerGroup,
    partitionId: '1',
    sequenceNumber: 12,
    offset: '13',
  });
  expect((await ours.read(never)).get('1')).toBe(12);
});

test('a blob without a readable number counts as no checkpoint', async () => {
  const store = openMemory();
  const path = 'name.servicebus.windows.net/calls/$default/checkpoint/3';
  await store.put(path, new Uint8Array(0), never, { sequencenumber: 'many', offset: '1' });
  expect(await openCheckpoints(store, scope).read(never)).toEqual(new Map());
});
