import type { ObjectStore } from '../storage/storage.ts';
import type { StorageCalls } from './report.ts';

/** Objects that one call of a listing gives at most, on Azure. */
const LIST_PAGE_OBJECTS = 5000;

/** Counts as Azure bills: a put or an upload is a write, a read or a download a read, each page of a listing a list. */
export function countingStore(store: ObjectStore): { store: ObjectStore; calls: () => StorageCalls } {
  const count = { reads: 0, writes: 0, lists: 0, deletes: 0 };
  const counted: ObjectStore = {
    url: store.url,
    localPath: (path) => store.localPath(path),
    read: (...args) => ((count.reads += 1), store.read(...args)),
    download: (...args) => ((count.reads += 1), store.download(...args)),
    put: (...args) => ((count.writes += 1), store.put(...args)),
    putIfAbsent: (...args) => ((count.writes += 1), store.putIfAbsent(...args)),
    upload: (...args) => ((count.writes += 1), store.upload(...args)),
    delete: (...args) => ((count.deletes += 1), store.delete(...args)),
    async *list(...args) {
      count.lists += 1;
      let objects = 0;
      for await (const found of store.list(...args)) {
        if (++objects % LIST_PAGE_OBJECTS === 0) count.lists += 1;
        yield found;
      }
    },
  };
  return { store: counted, calls: () => ({ ...count }) };
}
