import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { makeFolder } from './make-folder.ts';
import type { ObjectStore } from './storage.ts';

/** For who makes local folders beside it. */
export { makeFolder } from './make-folder.ts';

/**
 * Local copies of objects that never change, kept by name within a bound, and names for new local files. One process
 * a folder. What was fetched stays until it is released; of the rest the longest unused goes first.
 */
export interface Scratch {
  /** A local file with the object's bytes; the object's own file where the store is on this machine.
   * Throws `table_corrupt` where there is no such object, `configuration` where the bound is too small. */
  fetch(store: ObjectStore, path: string, signal: AbortSignal): Promise<string>;
  /** A name for a new local file, which the caller writes and removes. */
  newFile(suffix: string): string;
  /** A part of the scratch with fetched files of its own, to be released by itself. */
  scope(): Scratch;
  /** Lets go of the files fetched through this scope: no statement may read them any more. */
  release(): void;
  /** Bytes of the copies held. */
  bytesHeld(): number;
  /** Removes the new files of this process; the copies stay for the next one. */
  close(): Promise<void>;
}

interface Copy {
  readonly sizeBytes: number;
  pins: number;
}

/** Characters that DuckDB takes for a pattern where it wants a file: such a file is copied under a name without. */
const PATTERN = /[*?[\]{}]/;

/** Opens (and creates) the folder; copies of earlier processes in it are used again. */
export async function openScratch(folder: string, bytesMax: number): Promise<Scratch> {
  const cache = new CopyCache(path.join(path.resolve(folder), 'copies'), bytesMax);
  await cache.open();
  await removeLeftovers(path.resolve(folder));
  const newFiles = await mkdtemp(path.join(path.resolve(folder), `new-${process.pid}-`));
  const scope = (): Scratch => {
    const pinned = new Set<string>();
    return {
      async fetch(store, name, signal) {
        const own = store.localPath(name);
        if (own !== undefined && !PATTERN.test(own)) return present(own, store, name);
        const key = keyOf(store, name);
        await cache.pin(key, store, name, signal);
        if (pinned.has(key)) cache.unpin(key);
        pinned.add(key);
        return cache.fileOf(key);
      },
      newFile: (suffix) => path.join(newFiles, `${randomUUID()}${suffix}`),
      scope,
      release() {
        for (const key of pinned) cache.unpin(key);
        pinned.clear();
      },
      bytesHeld: () => cache.bytes,
      close: () => rm(newFiles, { recursive: true, force: true }),
    };
  };
  return scope();
}

class CopyCache {
  readonly #folder: string;
  readonly #bytesMax: number;
  /** In order of use, the longest unused first. */
  readonly #copies = new Map<string, Copy>();
  readonly #downloads = new Map<string, Promise<void>>();
  bytes = 0;

  constructor(folder: string, bytesMax: number) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  async open(): Promise<void> {
    await makeFolder(this.#folder);
    const files = await Promise.all(
      (await readdir(this.#folder)).map(async (key) => ({ key, found: await stat(this.fileOf(key)) })),
    );
    for (const { key, found } of files.toSorted((left, right) => left.found.mtimeMs - right.found.mtimeMs)) {
      // A half download of a process that died.
      if (key.endsWith('.part')) await rm(this.fileOf(key), { force: true });
      else this.#hold(key, found.size, 0);
    }
    await this.#makeRoom();
  }

  fileOf(key: string): string {
    return path.join(this.#folder, key);
  }

  async pin(key: string, store: ObjectStore, name: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const copy = this.#copies.get(key);
      if (copy !== undefined) {
        copy.pins += 1;
        this.#copies.delete(key);
        this.#copies.set(key, copy);
        if (await this.#touch(key)) return;
        this.#drop(key, copy);
      }
      await this.#download(key, store, name, signal);
    }
  }

  /** The time is for the next process only, which makes the order of use from it. False where the file is gone. */
  async #touch(key: string): Promise<boolean> {
    const now = new Date();
    return utimes(this.fileOf(key), now, now).then(
      () => true,
      () => false,
    );
  }

  #drop(key: string, copy: Copy): void {
    if (this.#copies.delete(key)) this.bytes -= copy.sizeBytes;
  }

  unpin(key: string): void {
    const copy = this.#copies.get(key);
    if (copy !== undefined) copy.pins -= 1;
  }

  /** One download a copy, however many ask; who joins another's download tries again where that one was aborted. */
  async #download(key: string, store: ObjectStore, name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const running = this.#downloads.get(key);
    if (running !== undefined) {
      await running.catch(() => {});
      return;
    }
    const download = this.#fetchCopy(key, store, name, signal).finally(() => this.#downloads.delete(key));
    this.#downloads.set(key, download);
    await download;
  }

  async #fetchCopy(key: string, store: ObjectStore, name: string, signal: AbortSignal): Promise<void> {
    const part = `${this.fileOf(key)}.${randomUUID()}.part`;
    try {
      if (!(await store.download(name, part, signal))) throw missing(store, name);
      const { size } = await stat(part);
      await rename(part, this.fileOf(key));
      this.#hold(key, size, 1);
    } finally {
      await rm(part, { force: true });
    }
    try {
      await this.#makeRoom();
    } finally {
      this.unpin(key);
    }
  }

  #hold(key: string, sizeBytes: number, pins: number): void {
    this.#copies.set(key, { sizeBytes, pins });
    this.bytes += sizeBytes;
  }

  async #makeRoom(): Promise<void> {
    for (const [key, copy] of this.#copies) {
      if (this.bytes <= this.#bytesMax) return;
      if (copy.pins > 0) continue;
      this.#drop(key, copy);
      await rm(this.fileOf(key), { force: true });
    }
    if (this.bytes <= this.#bytesMax) return;
    const message = `SLUICE_SCRATCH allows ${this.#bytesMax} bytes, but one step needs ${this.bytes} at once: raise it`;
    throw new SluiceError('configuration', message, { context: { bytesMax: this.#bytesMax, bytes: this.bytes } });
  }
}

/** New files of processes that died. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^new-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function keyOf(store: ObjectStore, name: string): string {
  const digest = createHash('sha256').update(`${store.url}\n${name}`).digest('hex').slice(0, 40);
  return `${digest}${path.extname(name).replaceAll(/[^.a-z0-9]/gi, '')}`;
}

async function present(file: string, store: ObjectStore, name: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw missing(store, name);
  return file;
}

function missing(store: ObjectStore, name: string): SluiceError {
  const message = `${store.url} has no ${name}, which a table refers to: another writer removed it; run \`rebuild\``;
  return new SluiceError('table_corrupt', message, { context: { path: name } });
}
