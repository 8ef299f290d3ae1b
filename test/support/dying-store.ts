import type { ObjectStore } from '../../src/storage/storage.ts';

/** The store as a process sees it that dies after so many changes: the last is made, and none after it. */
export function dyingStore(inner: ObjectStore, changesMax: number): ObjectStore {
  let changes = 0;
  const change = async <T>(action: () => Promise<T>): Promise<T> => {
    if (changes >= changesMax) throw new Error('killed');
    changes += 1;
    return action();
  };
  return {
    ...inner,
    put: (...args) => change(() => inner.put(...args)),
    putIfAbsent: (...args) => change(() => inner.putIfAbsent(...args)),
    upload: (...args) => change(() => inner.upload(...args)),
    delete: (...args) => change(() => inner.delete(...args)),
  };
}
