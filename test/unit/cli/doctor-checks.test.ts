import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkMemory, checkScratch } from '../../../src/cli/check-machine.ts';
import { checkCheckpoints, checkClock, checkLake } from '../../../src/cli/check-stores.ts';
import { readConfiguration } from '../../../src/cli/configuration.ts';
import { finding } from '../../../src/cli/finding.ts';
import { openFolder } from '../../../src/storage/folder.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { signal } from '../../support/delta-fixtures.ts';

const home = mkdtempSync(path.join(tmpdir(), 'sluice-doctor-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function namesOf(store: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const each of store.list('', signal)) names.push(each.path);
  return names;
}

describe('a lake', () => {
  test('that does all a run asks is well, and holds nothing after', async () => {
    const store = openMemory();
    expect(await checkLake(store, signal)).toMatch(/put-if-absent, put, read, list, delete; [\d.]+ ms a call/);
    expect(await checkCheckpoints(store, signal)).toMatch(/put with metadata/);
    expect(await namesOf(store)).toEqual([]);
  });

  test('that is a folder which is not there stays one; one that is there loses nothing', async () => {
    const folder = path.join(home, 'deep/lake');
    await checkLake(openFolder(folder), signal);
    expect(readdirSync(home)).toEqual([]);
    await openFolder(folder).put('kept', new Uint8Array([1]), signal);
    await checkLake(openFolder(folder), signal);
    expect(readdirSync(folder)).toEqual(['kept']);
  });

  const broken: [string, (store: ObjectStore) => Partial<ObjectStore>, RegExp][] = [
    [
      'puts over what is there',
      (store) => ({ putIfAbsent: (name, data) => store.put(name, data, signal).then(() => true) }),
      /was written over/,
    ],
    ['reads something else', () => ({ read: () => Promise.resolve(new Uint8Array([7])) }), /does not read back/],
    // eslint-disable-next-line require-yield
    ['lists nothing', () => ({ list: async function* () {} }), /not in the listing/],
    ['deletes nothing', () => ({ delete: () => Promise.resolve() }), /still there/],
  ];
  test.each(broken)('that %s is a failure which says so', async (_, fault, message) => {
    const store = openMemory();
    const found = await finding('lake', () => checkLake({ ...store, ...fault(store) }, signal));
    expect(found).toMatchObject({ state: 'failed', exitCode: 4 });
    expect(found.says).toMatch(message);
  });
});

describe('the clock', () => {
  const storeAt = (offsetMs: number): ObjectStore => {
    const store = openMemory();
    return {
      ...store,
      url: 'https://account.blob.core.windows.net/lake',
      async *list(prefix, abort) {
        for await (const each of store.list(prefix, abort)) yield { ...each, modifiedAtMs: 1_000_000 + offsetMs };
      },
    };
  };
  const look = (offsetMs: number) => finding('clock', () => checkClock(storeAt(offsetMs), () => 1_000_000, signal));

  test.each([
    ['the same, cut to seconds', -900, 'ok', /within 30 s/],
    ['a minute behind us', -61_000, 'warning', /60 s ahead of the lake/],
    ['a minute ahead of us', 60_000, 'warning', /60 s behind the lake/],
    ['ten minutes ahead of us', 600_000, 'failed', /600 s behind the lake: tokens are refused/],
  ])('of the lake %s', async (_, offsetMs, state, message) => {
    const found = await look(offsetMs);
    expect(found.state).toBe(state);
    expect(found.says).toMatch(message);
  });

  test('of a folder is ours', async () => {
    expect(await finding('clock', () => checkClock(openFolder(home), Date.now, signal))).toMatchObject({
      state: 'skipped',
    });
  });
});

describe('the machine', () => {
  test('scratch is measured and left as it was; one larger than the disk is a warning', async () => {
    const folder = path.join(home, 'scratch/inner');
    const configuration = readConfiguration({ SLUICE_SCRATCH: `${folder}:64MiB` });
    expect(await checkScratch(configuration, signal)).toMatch(/free, written at/);
    expect(readdirSync(home)).not.toContain('scratch');
    const greedy = readConfiguration({ SLUICE_SCRATCH: `${folder}:900TB` });
    expect(await checkScratch(greedy, signal)).toMatchObject({ warning: expect.stringMatching(/allows .*lower it/) });
  });

  test('scratch that cannot be written is a failure that names the setting', async () => {
    const configuration = readConfiguration({ SLUICE_SCRATCH: '/proc/sluice:64MiB' });
    const found = await finding('scratch', () => checkScratch(configuration, signal));
    expect(found).toMatchObject({ state: 'failed', code: 'configuration', exitCode: 2 });
    expect(found.says).toMatch(/SLUICE_SCRATCH/);
  });

  test('a budget above what the machine has is a warning', () => {
    expect(checkMemory(readConfiguration({ SLUICE_MEMORY: '900TB' }))).toMatchObject({
      warning: expect.stringMatching(/lower it/),
    });
    expect(checkMemory(readConfiguration({ SLUICE_MEMORY: '512MiB' }))).toMatch(/512.0 MiB for a run/);
  });
});
