import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFolder } from '../../../src/storage/folder.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { openScratch } from '../../../src/storage/scratch.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';

const signal = new AbortController().signal;
let folder: string;
let downloads: string[];
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-scratch-'));
  downloads = [];
  const memory = openMemory();
  store = {
    ...memory,
    download(name, file, abort) {
      downloads.push(name);
      return memory.download(name, file, abort);
    },
  };
  for (const name of ['a', 'b', 'c', 'd']) await store.put(name, new TextEncoder().encode(name.repeat(10)), signal);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('local copies', () => {
  test('hold the object’s bytes, and are fetched once, however many ask at once', async () => {
    const scratch = await openScratch(folder, 100);
    const files = await Promise.all(Array.from({ length: 5 }, () => scratch.fetch(store, 'a', signal)));
    expect(new Set(files).size).toBe(1);
    expect(await readFile(files[0] ?? '', 'utf8')).toBe('aaaaaaaaaa');
    expect(downloads).toEqual(['a']);
  });

  test('are used again by the next process, its half downloads removed', async () => {
    const scratch = await openScratch(folder, 100);
    await scratch.fetch(store, 'a', signal);
    await writeFile(path.join(folder, 'copies', 'x.part'), 'half');
    const next = await openScratch(folder, 100);
    expect(next.bytesHeld()).toBe(10);
    await next.fetch(store, 'a', signal);
    expect(downloads).toEqual(['a']);
  });

  test('of two lakes with equal names are two', async () => {
    const scratch = await openScratch(folder, 100);
    const other = { ...store, url: 'memory:other' };
    expect(await scratch.fetch(store, 'a', signal)).not.toBe(await scratch.fetch(other, 'a', signal));
  });

  test('stay within the bound: the longest unused goes first', async () => {
    const scratch = await openScratch(folder, 30);
    for (const name of ['a', 'b', 'c', 'a']) await scratch.fetch(store, name, signal);
    scratch.release();
    await scratch.fetch(store, 'd', signal);
    expect(scratch.bytesHeld()).toBe(30);
    scratch.release();
    await scratch.fetch(store, 'a', signal);
    expect(downloads).toEqual(['a', 'b', 'c', 'd']);
    scratch.release();
    await scratch.fetch(store, 'b', signal);
    expect(downloads).toEqual(['a', 'b', 'c', 'd', 'b']);
  });

  test('that are still in use are never removed: the bound is then too small, by name', async () => {
    const scratch = await openScratch(folder, 25);
    const files = [await scratch.fetch(store, 'a', signal), await scratch.fetch(store, 'b', signal)];
    await expect(scratch.fetch(store, 'c', signal)).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('SLUICE_SCRATCH'),
    });
    expect(await readFile(files[0] ?? '', 'utf8')).toBe('aaaaaaaaaa');
  });

  test('of one scope are released without those of another', async () => {
    const scratch = await openScratch(folder, 20);
    const [left, right] = [scratch.scope(), scratch.scope()];
    const kept = await left.fetch(store, 'a', signal);
    await right.fetch(store, 'a', signal);
    await right.fetch(store, 'b', signal);
    right.release();
    await right.fetch(store, 'c', signal);
    expect(await readFile(kept, 'utf8')).toBe('aaaaaaaaaa');
    expect(downloads).toEqual(['a', 'b', 'c']);
  });

  test('that somebody deleted are fetched again', async () => {
    const scratch = await openScratch(folder, 100);
    await rm(await scratch.fetch(store, 'a', signal));
    scratch.release();
    expect(await readFile(await scratch.fetch(store, 'a', signal), 'utf8')).toBe('aaaaaaaaaa');
    expect(scratch.bytesHeld()).toBe(10);
  });

  test('an object that is gone is a corrupt table, and leaves nothing', async () => {
    const scratch = await openScratch(folder, 100);
    await expect(scratch.fetch(store, 'gone', signal)).rejects.toMatchObject({ code: 'table_corrupt' });
    expect(await readdir(path.join(folder, 'copies'))).toEqual([]);
  });

  test('an aborted download fails who asked for it, not who waited along', async () => {
    const scratch = await openScratch(folder, 100);
    const abort = new AbortController();
    const slow: ObjectStore = {
      ...store,
      async download(name, file, own) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        own.throwIfAborted();
        return store.download(name, file, own);
      },
    };
    const first = scratch.fetch(slow, 'a', abort.signal);
    const second = scratch.fetch(slow, 'a', signal);
    abort.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readFile(await second, 'utf8')).toBe('aaaaaaaaaa');
  });

  test('a lake on this machine is read in place', async () => {
    const lake = openFolder(path.join(folder, 'lake'));
    await lake.put('x/y', new TextEncoder().encode('here'), signal);
    const scratch = await openScratch(path.join(folder, 'scratch'), 100);
    expect(await scratch.fetch(lake, 'x/y', signal)).toBe(lake.localPath('x/y'));
    expect(scratch.bytesHeld()).toBe(0);
  });
});

describe('new files', () => {
  test('have names of their own, and are gone after closing', async () => {
    const scratch = await openScratch(folder, 100);
    const [left, right] = [scratch.newFile('.parquet'), scratch.newFile('.parquet')];
    expect(left).not.toBe(right);
    await writeFile(left, 'x');
    await scratch.close();
    expect((await readdir(folder)).toSorted()).toEqual(['copies']);
  });

  test('of a process that died are removed, those of one that lives stay', async () => {
    await mkdir(path.join(folder, 'new-999999999-x'));
    await mkdir(path.join(folder, `new-${process.pid}-y`));
    const scratch = await openScratch(folder, 100);
    const names = (await readdir(folder)).filter((name) => name.startsWith('new-'));
    expect(names).toHaveLength(2);
    expect(names).toContain(`new-${process.pid}-y`);
    await scratch.close();
  });
});

test('a folder where none can be made is an error, and not waited for without end', async () => {
  await expect(openScratch('/proc/sluice/scratch', 100)).rejects.toThrow(/no folder can be made|ENOENT|EACCES/);
});
