import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { firstAbsent, removeEmpty } from './check-machine.ts';
import type { Says } from './finding.ts';

/** Beyond it, tokens and signatures are refused. */
const SKEW_MS = { warn: 30_000, max: 300_000 } as const;
const LIMITS = { deleteMsMax: 5000 } as const;

/** What the lake has to do for a run, by doing it once under a name of its own, which goes again. */
export function checkLake(store: ObjectStore, signal: AbortSignal): Promise<Says> {
  return unlessMissing(() => tryLake(store, signal));
}

function tryLake(store: ObjectStore, signal: AbortSignal): Promise<Says> {
  return withTrial(store, '_sluice/doctor/', async (name, data) => {
    const startedMs = performance.now();
    expectThat(await store.putIfAbsent(name, data, signal), store, 'a new name was refused as taken');
    const again = await store.putIfAbsent(name, Buffer.from('other'), signal);
    expectThat(!again, store, 'a name that is taken was written over: two runs would lose each other’s commits');
    const found = await store.read(name, signal);
    expectThat(found !== undefined && Buffer.compare(found, data) === 0, store, 'what was put does not read back');
    expectThat((await names(store, name, signal)).includes(name), store, 'what was put is not in the listing');
    await store.put(name, data, signal);
    await store.delete(name, signal);
    expectThat((await store.read(name, signal)) === undefined, store, 'what was deleted is still there');
    const tookMs = (performance.now() - startedMs) / 7;
    return `${store.url}: put-if-absent, put, read, list, delete; ${tookMs.toFixed(1)} ms a call`;
  });
}

/** A container that is missing is no failure: a run makes it. */
async function unlessMissing(look: () => Promise<Says>): Promise<Says> {
  try {
    return await look();
  } catch (error) {
    const isMissing = error instanceof SluiceError && String(error.context['reason']).startsWith('404');
    if (!isMissing) throw error;
    return { warning: `${error.message}; a run makes it, where its identity may` };
  }
}

/** Checkpoints are objects without bytes, whose metadata is what counts. */
export function checkCheckpoints(store: ObjectStore, signal: AbortSignal): Promise<Says> {
  return unlessMissing(() => tryCheckpoints(store, signal));
}

function tryCheckpoints(store: ObjectStore, signal: AbortSignal): Promise<Says> {
  return withTrial(store, 'sluice-doctor/', async (name) => {
    await store.put(name, new Uint8Array(0), signal, { sequencenumber: '7', offset: '-1' });
    for await (const { path: found, metadata } of store.list(name, signal, { metadata: true })) {
      const kept = found === name && metadata?.['sequencenumber'] === '7' && metadata['offset'] === '-1';
      expectThat(kept, store, 'keeps no metadata: KEDA and people would see no checkpoint');
      return `${store.url}: put with metadata, list, delete`;
    }
    throw new SluiceError('storage_unavailable', `${store.url}: a checkpoint that was put is not in the listing`);
  });
}

/** The lake's clock against ours, by the time it gives an object. It tells whole seconds at best. */
export async function checkClock(store: ObjectStore, nowMs: () => number, signal: AbortSignal): Promise<Says> {
  if (store.url.startsWith('file:')) return { skipped: 'a folder has the clock of this machine' };
  return unlessMissing(() => compareClocks(store, nowMs, signal));
}

function compareClocks(store: ObjectStore, nowMs: () => number, signal: AbortSignal): Promise<Says> {
  return withTrial(store, '_sluice/doctor/', async (name, data) => {
    const before = nowMs();
    await store.put(name, data, signal);
    const after = nowMs();
    for await (const { modifiedAtMs } of store.list(name, signal)) {
      const early = Math.max(0, before - 1000 - modifiedAtMs);
      const skewMs = Math.max(early, modifiedAtMs - after);
      const says = `this machine is ${(skewMs / 1000).toFixed(0)} s ${early > 0 ? 'ahead of' : 'behind'} the lake`;
      if (skewMs > SKEW_MS.max) throw new SluiceError('configuration', `${says}: tokens are refused; set the clock`);
      return skewMs > SKEW_MS.warn
        ? { warning: `${says}: set the clock` }
        : `within ${SKEW_MS.warn / 1000} s of the lake`;
    }
    return { skipped: 'the lake tells no time' };
  });
}

/** The object goes whatever happens, and so do folders that were made for it. */
async function withTrial<T>(
  store: ObjectStore,
  folder: string,
  action: (name: string, data: Uint8Array) => Promise<T>,
): Promise<T> {
  const name = `${folder}${randomUUID()}`;
  const local = store.localPath(name);
  const outermost = local === undefined ? undefined : firstAbsent(path.dirname(local));
  const remove = async (): Promise<void> => {
    // Not by the signal of the checks: nothing is left behind by one that was stopped.
    await store.delete(name, AbortSignal.timeout(LIMITS.deleteMsMax));
    if (local !== undefined && outermost !== undefined) await removeEmpty(path.dirname(local), outermost);
  };
  let result: T;
  try {
    result = await action(name, Buffer.from(`sluice doctor ${name}`));
  } catch (error) {
    // What went wrong first is told; where it also kept us from deleting, that says nothing new.
    await remove().catch(() => undefined);
    throw error;
  }
  await remove();
  return result;
}

async function names(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for await (const each of store.list(prefix, signal)) found.push(each.path);
  return found;
}

function expectThat(holds: boolean, { url }: ObjectStore, what: string): void {
  if (!holds) throw new SluiceError('storage_unavailable', `${url}: ${what}`);
}
