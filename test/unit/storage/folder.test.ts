import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderError } from '../../../src/storage/folder-error.ts';
import { openFolder } from '../../../src/storage/folder.ts';

const signal = new AbortController().signal;
const bytes = new TextEncoder().encode('x');
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-folder-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a lake in a folder', () => {
  test('leaves no temporary file, also where it lost the race', async () => {
    const store = openFolder(folder);
    await store.put('a/x', bytes, signal);
    await store.putIfAbsent('a/x', bytes, signal);
    await store.putIfAbsent('a/y', bytes, signal);
    expect((await readdir(path.join(folder, 'a'))).toSorted()).toEqual(['x', 'y']);
  });

  test('does not show half-written files of a process that died', async () => {
    const store = openFolder(folder);
    await store.put('x', bytes, signal, { key: 'value' });
    await writeFile(path.join(folder, '.sluice-dead.tmp'), 'half');
    const paths = [];
    for await (const info of store.list('', signal)) paths.push(info.path);
    expect(paths).toEqual(['x']);
  });

  test('a file where a folder is needed is a configuration error that names the setting', async () => {
    await writeFile(path.join(folder, 'lake'), 'a file');
    const store = openFolder(path.join(folder, 'lake'), 'SLUICE_CHECKPOINTS');
    await expect(store.put('a/x', bytes, signal)).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('SLUICE_CHECKPOINTS'),
    });
    expect(await store.read('a/x', signal)).toBeUndefined();
  });

  test('an object’s name that is a folder reads as absent, and cannot be put', async () => {
    const store = openFolder(folder);
    await mkdir(path.join(folder, 'a'));
    expect(await store.read('a', signal)).toBeUndefined();
    await expect(store.put('a', bytes, signal)).rejects.toMatchObject({ name: 'SluiceError' });
    expect(await readdir(folder)).toEqual(['a']);
  });

  test('a file system that takes no folders is told within the try, by name', async () => {
    const store = openFolder('/proc/self/fd');
    const failure = store.put('a/x', bytes, signal);
    await expect(failure).rejects.toMatchObject({ name: 'SluiceError', exitCode: 4 });
    await expect(failure).rejects.toThrow('/proc/self/fd');
  });

  test.each([
    ['EACCES', 'storage_unauthorized'],
    ['EPERM', 'storage_unauthorized'],
    ['EROFS', 'storage_unauthorized'],
    ['ENOTDIR', 'configuration'],
    ['ENOSPC', 'storage_unavailable'],
    ['EIO', 'storage_unavailable'],
  ])('%s of the file system is %s and names folder, object and setting', (reason, code) => {
    const cause = Object.assign(new Error(`${reason}: refused`), { code: reason });
    const error = folderError('/data/lake', 'bronze/x', 'SLUICE_LAKE', cause);
    expect(error.code).toBe(code);
    for (const part of ['/data/lake', 'bronze/x', 'SLUICE_LAKE']) expect(error.message).toContain(part);
  });
});
