import { readFile, writeFile } from 'node:fs/promises';
import { systemClock, type Clock } from '../base/clock.ts';
import { checkedPath, comparePaths } from './object-path.ts';
import type { ObjectMetadata, ObjectStore } from './storage.ts';

interface StoredObject {
  readonly data: Uint8Array;
  readonly modifiedAtMs: number;
  readonly metadata: ObjectMetadata;
}

/** A lake in memory for tests: it honours put-if-absent, so races can be run against it. It has no local files. */
export function openMemory(clock: Pick<Clock, 'nowMs'> = systemClock): ObjectStore {
  const objects = new Map<string, StoredObject>();
  const set = (path: string, data: Uint8Array, metadata: ObjectMetadata = {}): void => {
    objects.set(path, { data: Uint8Array.from(data), modifiedAtMs: clock.nowMs(), metadata });
  };
  const get = async (path: string, signal: AbortSignal): Promise<StoredObject | undefined> =>
    objects.get(await turn(path, signal));

  return {
    url: 'memory:',
    async read(path, signal) {
      const found = await get(path, signal);
      return found === undefined ? undefined : Uint8Array.from(found.data);
    },
    async put(path, data, signal, metadata) {
      set(await turn(path, signal), data, metadata);
    },
    async putIfAbsent(path, data, signal) {
      const name = await turn(path, signal);
      if (objects.has(name)) return false;
      set(name, data);
      return true;
    },
    async *list(prefix, signal, options = {}) {
      for (const path of [...objects.keys()].filter((name) => name.startsWith(prefix)).toSorted(comparePaths)) {
        signal.throwIfAborted();
        if (options.after !== undefined && path <= options.after) continue;
        const found = objects.get(path);
        if (found === undefined) continue;
        const info = { path, sizeBytes: found.data.byteLength, modifiedAtMs: found.modifiedAtMs };
        yield options.metadata === true ? { ...info, metadata: found.metadata } : info;
      }
    },
    async delete(path, signal) {
      objects.delete(await turn(path, signal));
    },
    async upload(path, localFile, signal) {
      const name = await turn(path, signal);
      set(name, await readFile(localFile, { signal }));
    },
    async download(path, localFile, signal) {
      const found = await get(path, signal);
      if (found === undefined) return false;
      await writeFile(localFile, found.data, { signal });
      return true;
    },
    localPath: () => undefined,
  };
}

/** Each call gives way once before it takes effect, as a call to a service would. */
async function turn(path: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  await Promise.resolve();
  return checkedPath(path);
}
