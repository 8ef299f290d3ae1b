import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { commit, ensureTable, readSnapshot, writeFiles, type CommitContext } from '../../src/delta/delta.ts';
import { openDatabase, type Database } from '../../src/duckdb/duckdb.ts';
import { openAzureBlob } from '../../src/storage/azure-blob.ts';
import { connectContainer } from '../../src/storage/azure-container.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { parseLake } from '../../src/storage/open-store.ts';
import { withRetries } from '../../src/storage/retrying.ts';
import { openScratch, type Scratch } from '../../src/storage/scratch.ts';
import { putOnce, type ObjectStore } from '../../src/storage/storage.ts';
import { startAzurite, type Azurite } from '../support/azurite.ts';
import { contract, newFile, paths, signal } from '../support/delta-fixtures.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { breakable, CALLS, FAULT_TIMES, FAULTS, type BreakableStore, type Call } from '../support/store-faults.ts';
import type { Fault } from '../support/store-faults.ts';

const MiB = 2 ** 20;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const VALUE = 'a value of some length';
const random = (): number => 0.01;
const context: CommitContext = { clock: systemClock, random, runId: 'run-1' };

/** `sound` is the same store without faults. Tries are short, so that a call that never answers is soon given up. */
interface Place extends BreakableStore {
  readonly sound: ObjectStore;
}

let azurite: Azurite;
let proxy: FaultProxy;
let folder: string;
let database: Database;
let scratch: Scratch;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-faults-'));
  azurite = await startAzurite();
  proxy = await startFaultProxy(new URL(azurite.blobUrl).origin);
  database = await openDatabase({ memoryBytesMax: 128 * MiB, threads: 1, temporaryFolder: path.join(folder, 'spill') });
  scratch = await openScratch(path.join(folder, 'scratch'), 10 * MiB);
  await database.run(`CREATE TABLE batch AS
    SELECT i AS id, 'ü' || i AS label, DATE '2026-01-05' AS day FROM range(9) t(i)`);
  await writeFile(path.join(folder, 'value'), VALUE);
});
afterAll(async () => {
  await scratch?.close();
  database?.close();
  await proxy?.stop();
  await azurite?.stop();
  await rm(folder, { recursive: true, force: true });
});

function retried(store: ObjectStore): ObjectStore {
  const attemptMsMax = FAULT_TIMES.attemptMs;
  return withRetries(store, { random, limits: { requestMsMax: attemptMsMax, transferMsMax: attemptMsMax } });
}

function local(sound: ObjectStore): Place {
  const broken = breakable(sound);
  return {
    ...broken,
    get calledAtMs() {
      return broken.calledAtMs;
    },
    sound,
    store: retried(broken.store),
  };
}

async function onAzurite(): Promise<Place> {
  const container = randomUUID();
  const connect = async (origin: string): Promise<ObjectStore> => {
    const own = new URL(azurite.blobUrl).origin;
    const options = { connectionString: azurite.connectionString.replace(own, origin), setting: 'SLUICE_LAKE' };
    const location = parseLake(`${azurite.blobUrl.replace(own, origin)}/${container}`);
    if (location.kind !== 'azure') throw new Error('Azurite is Azure');
    return openAzureBlob(await connectContainer(location, options, signal));
  };
  const sound = await connect(new URL(azurite.blobUrl).origin);
  const { origin: _, stop: __, ...switches } = proxy;
  const store = retried(await connect(proxy.origin));
  return {
    ...switches,
    get calledAtMs() {
      return proxy.calledAtMs;
    },
    sound,
    store,
  };
}

const places: Record<string, () => Promise<Place>> = {
  folder: async () => local(openFolder(path.join(folder, randomUUID()))),
  memory: async () => local(openMemory()),
  'azure blob': onAzurite,
};

/**
 * What a call comes to where the fault lasts. Where it comes once, every call does what it should. A put-if-absent is
 * settled by `putOnce`: a reply that never comes is found out by reading, "taken" again and again is believed by none.
 */
const LASTING: Record<Fault, Record<Call, 'done' | 'refused'>> = {
  'reply lost': row('refused', { putIfAbsent: 'done' }),
  late: row('refused', { putIfAbsent: 'done' }),
  '409': row('refused'),
  '412': row('refused'),
  '429': row('refused'),
  '500': row('refused'),
  '503': row('refused'),
  reset: row('refused'),
  torn: row('refused'),
  slow: row('done'),
  lag: row('done'),
};

const NEEDS_AN_OBJECT: ReadonlySet<Call> = new Set(['read', 'download', 'list', 'delete']);

function row(outcome: 'done' | 'refused', exceptions: Partial<Record<Call, 'done'>> = {}) {
  const cells = CALLS.map((call) => [call, exceptions[call] ?? outcome] as const);
  return Object.fromEntries(cells) as Record<Call, 'done' | 'refused'>;
}

/** Does the call on an object of this name, and says what came of it. */
async function perform(call: Call, store: ObjectStore, name: string): Promise<string | undefined> {
  const target = path.join(folder, randomUUID());
  switch (call) {
    case 'read':
      return new TextDecoder().decode(await store.read(name, signal));
    case 'put':
      return void (await store.put(name, bytes(VALUE), signal));
    case 'putIfAbsent':
      return putOnce(store, name, bytes(VALUE), { clock: systemClock, random }, signal);
    case 'delete':
      return void (await store.delete(name, signal));
    case 'upload':
      return void (await store.upload(name, path.join(folder, 'value'), signal));
    case 'download':
      await store.download(name, target, signal);
      return readFile(target, 'utf8');
    case 'list':
      return (await listed(store, name)).join();
  }
}

async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of store.list(prefix, signal)) found.push(info.path);
  return found;
}

describe.each(Object.entries(places))('the %s store under each fault', (_name, open) => {
  let place: Place;
  beforeAll(async () => {
    place = await open();
  });

  const cells = FAULTS.flatMap((fault) => CALLS.map((call) => [fault, call] as const));

  test.each(cells)('%s, once: %s does what it should, once', async (fault, call) => {
    const name = `${randomUUID()}/object`;
    if (NEEDS_AN_OBJECT.has(call)) await place.sound.put(name, bytes(VALUE), signal);
    // So that a listing of which half came has something to repeat.
    if (call === 'list') await place.sound.put(`${name}2`, bytes(VALUE), signal);
    place.break(fault, call, 1);
    const outcome = await perform(call, place.store, name);
    expect(await place.mend()).toBe(true);
    const lists = fault === 'lag' ? name : `${name},${name}2`;
    const expected = { read: VALUE, download: VALUE, putIfAbsent: 'won', list: lists };
    expect(outcome).toBe(expected[call as keyof typeof expected]);
    const left = await place.sound.read(name, signal);
    expect(left && new TextDecoder().decode(left)).toBe(call === 'delete' ? undefined : VALUE);
  });

  test.each(CALLS)('429 to %s is tried again no sooner than was asked', async (call) => {
    const name = `${randomUUID()}/object`;
    await place.sound.put(name, bytes(VALUE), signal);
    place.break('429', call, 1);
    await perform(call, place.store, name);
    const [first = 0, ...later] = place.calledAtMs;
    await place.mend();
    // A put-if-absent looks first whether it landed; and here the object is there.
    expect(later.length).toBeGreaterThan(0);
    const waitedMs = (later[0] ?? 0) - first;
    expect(waitedMs).toBeGreaterThanOrEqual(call === 'putIfAbsent' ? 0 : FAULT_TIMES.retryAfterMs - 2);
  });

  const lasting = (outcome: 'done' | 'refused') => cells.filter(([fault, call]) => LASTING[fault][call] === outcome);
  const hold = async (fault: Fault, call: Call): Promise<{ name: string; outcome: Promise<unknown> }> => {
    const name = `${randomUUID()}/object`;
    if (NEEDS_AN_OBJECT.has(call)) await place.sound.put(name, bytes(VALUE), signal);
    place.break(fault, call, Number.POSITIVE_INFINITY);
    return { name, outcome: perform(call, place.store, name) };
  };

  test.each(lasting('refused'))('%s, on and on: %s ends in an error that names the endpoint', async (fault, call) => {
    const { outcome } = await hold(fault, call);
    const endpoint = new URL(place.store.url).host || place.store.url;
    const message = expect.stringContaining(endpoint);
    await expect(outcome).rejects.toMatchObject({ code: 'storage_unavailable', message });
    expect(await place.mend()).toBe(true);
  });

  test.each(lasting('done'))('%s, on and on: %s does what it should all the same', async (fault, call) => {
    const { name, outcome } = await hold(fault, call);
    await outcome;
    expect(await place.mend()).toBe(true);
    const left = await place.sound.read(name, signal);
    expect(left && new TextDecoder().decode(left)).toBe(call === 'delete' ? undefined : VALUE);
  });

  test.each(FAULTS)('%s at any one call of a commit: rows are staged and committed once', async (fault) => {
    for (let at = 0; ; at++) {
      const root = `table-${randomUUID()}`;
      const sound = { store: place.sound, root };
      const base = await ensureTable(sound, contract, { context }, signal);
      // Another writer's entry, which a listing may hide: what it says must be seen before ours is put.
      const theirs = newFile();
      await commit(sound, base, { operation: 'WRITE', add: [theirs] }, context, signal);
      place.break(fault, at, 1);
      const location = { store: place.store, root };
      const add = await writeFiles(database, location, contract, 'batch', scratch, signal);
      const transactions = [{ appId: 'a', expected: undefined, next: 9 }];
      const result = await commit(location, base, { operation: 'WRITE', add, transactions }, context, signal);
      const met = await place.mend();
      expect([at, result.kind, result.snapshot.version]).toEqual([at, 'committed', 2]);
      const last = await readSnapshot(sound, signal);
      expect(paths(last)).toEqual([theirs.path, ...add.map((file) => file.path)].toSorted());
      expect([last?.version, last?.transactions.get('a')]).toEqual([2, 9]);
      // One object, whole: neither half of it nor a second one.
      const objects = await listed(place.sound, `${root}/day`);
      expect(objects).toHaveLength(1);
      expect((await place.sound.read(objects[0] ?? '', signal))?.byteLength).toBe(add[0]?.sizeBytes);
      if (!met) break;
      expect(at).toBeLessThan(30);
    }
  });
});
