import type { ObjectStore } from '../storage/storage.ts';
import type { TableLocation } from './delta.ts';

/** The last action on each table of a store that is under way in this process. */
const underWay = new WeakMap<ObjectStore, Map<string, Promise<unknown>>>();

/** Runs the action once those before it on the table, through the same store, have ended, however they did. */
export async function inTurn<T>({ store, root }: TableLocation, action: () => Promise<T>): Promise<T> {
  const tables = underWay.get(store) ?? new Map<string, Promise<unknown>>();
  underWay.set(store, tables);
  const ended = (tables.get(root) ?? Promise.resolve()).then(action);
  // How it ends is told to the caller below; who comes after only waits for it.
  const turn = ended.catch(() => {});
  tables.set(root, turn);
  try {
    return await ended;
  } finally {
    if (tables.get(root) === turn) tables.delete(root);
  }
}
