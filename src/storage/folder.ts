import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { constants, copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from '../base/errors.ts';
import { codeOf, folderError } from './folder-error.ts';
import { checkedPath, comparePaths } from './object-path.ts';
import type { ListOptions, ObjectInfo, ObjectMetadata, ObjectStore } from './storage.ts';

/** Names of our own beside the objects: half-written files and metadata. `list` never shows them. */
const HIDDEN = '.sluice-';

/**
 * A lake in a folder of this machine. The folder is created by the first write.
 * `put` replaces by rename and `putIfAbsent` creates by link, so a reader never sees half an object; files and their
 * directory are synced before either returns. Throws `storage_unauthorized` and `storage_unavailable`.
 */
export function openFolder(folder: string, setting = 'SLUICE_LAKE'): ObjectStore {
  const root = path.resolve(folder);
  const fileOf = (name: string): string => path.join(root, ...checkedPath(name).split('/'));
  const guarded = <T>(signal: AbortSignal, name: string, action: () => Promise<T>): Promise<T> =>
    translated(root, name, setting, signal, action);

  return {
    url: pathToFileURL(root).href,
    read: (name, signal) => guarded(signal, name, () => absentAsUndefined(() => readFile(fileOf(name), { signal }))),
    put: (name, data, signal, metadata) =>
      guarded(signal, name, () => replace(fileOf(name), (temporary) => writeSynced(temporary, data), metadata)),
    putIfAbsent: (name, data, signal) => guarded(signal, name, () => create(fileOf(name), data)),
    list: (prefix, signal, options) => list(root, prefix, signal, options ?? {}, setting),
    delete: (name, signal) =>
      guarded(signal, name, async () => {
        await rm(fileOf(name), { force: true });
        await rm(metadataFile(fileOf(name)), { force: true });
      }),
    upload: (name, localFile, signal) =>
      guarded(signal, name, () => replace(fileOf(name), (temporary) => copySynced(localFile, temporary))),
    download: (name, localFile, signal) =>
      guarded(signal, name, async () => {
        const copied = await absentAsUndefined(() =>
          copyFile(fileOf(name), localFile, constants.COPYFILE_FICLONE).then(() => true),
        );
        return copied ?? false;
      }),
    localPath: fileOf,
  };
}

/** Metadata is written before the object it belongs to, so that a new object never has an older one's metadata. */
async function replace(
  file: string,
  write: (temporary: string) => Promise<void>,
  metadata?: ObjectMetadata,
): Promise<void> {
  await withTemporary(file, async (temporary) => {
    await write(temporary);
    await setMetadata(file, metadata);
    await rename(temporary, file);
  });
}

/** False where the file exists. A link is atomic among processes, and the file it names is whole already. */
async function create(file: string, data: Uint8Array): Promise<boolean> {
  return withTemporary(file, async (temporary) => {
    await writeSynced(temporary, data);
    try {
      await link(temporary, file);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

async function withTemporary<T>(file: string, action: (temporary: string) => Promise<T>): Promise<T> {
  const directory = path.dirname(file);
  const temporary = path.join(directory, `${HIDDEN}${randomUUID()}.tmp`);
  await makeDirectory(directory);
  try {
    const result = await action(temporary);
    await syncDirectory(directory);
    return result;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function setMetadata(file: string, metadata: ObjectMetadata | undefined): Promise<void> {
  const sidecar = metadataFile(file);
  if (metadata === undefined || Object.keys(metadata).length === 0) return rm(sidecar, { force: true });
  const temporary = path.join(path.dirname(file), `${HIDDEN}${randomUUID()}.tmp`);
  await writeSynced(temporary, new TextEncoder().encode(JSON.stringify(metadata)));
  await rename(temporary, sidecar);
}

function metadataFile(file: string): string {
  return path.join(path.dirname(file), `${HIDDEN}metadata-${path.basename(file)}.json`);
}

async function writeSynced(file: string, data: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function copySynced(source: string, target: string): Promise<void> {
  await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const handle = await open(target, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * A new directory is durable only when the directory that names it is synced. Made step by step, since Node's own
 * recursive mkdir never ends where a file system takes no directories.
 */
async function makeDirectory(directory: string): Promise<void> {
  if (await makeOne(directory)) return;
  await makeDirectory(path.dirname(directory));
  if (!(await makeOne(directory))) throw new Error(`no folder can be made at ${directory}`);
}

/** False where its parent is missing. */
async function makeOne(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    await syncDirectory(path.dirname(directory));
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT' && path.dirname(directory) !== directory) return false;
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory for syncing; its file system journals names by itself.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* list(
  root: string,
  prefix: string,
  signal: AbortSignal,
  options: ListOptions,
  setting: string,
): AsyncGenerator<ObjectInfo> {
  const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  yield* walk(parent);

  async function* walk(directory: string): AsyncGenerator<ObjectInfo> {
    const entries = await translated(root, directory, setting, signal, () => entriesOf(path.join(root, directory)));
    // A directory sorts as its name with the slash: that is where its objects stand among the files beside it.
    const names = entries.map((entry) => directory + entry.name + (entry.isDirectory() ? '/' : ''));
    for (const name of names.toSorted(comparePaths)) {
      const isDirectory = name.endsWith('/');
      if (!name.startsWith(prefix) && !(isDirectory && prefix.startsWith(name))) continue;
      if (options.after !== undefined && isBefore(name, isDirectory, options.after)) continue;
      if (isDirectory) yield* walk(name);
      else yield* await translated(root, name, setting, signal, () => describe(root, name, options));
    }
  }
}

function isBefore(name: string, isDirectory: boolean, after: string): boolean {
  return isDirectory ? name < after && !after.startsWith(name) : name <= after;
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  const entries = await absentAsUndefined(() => readdir(directory, { withFileTypes: true }));
  return (entries ?? []).filter((entry) => !entry.name.startsWith(HIDDEN));
}

/** None where the file went away between the listing and now. */
async function describe(root: string, name: string, options: ListOptions): Promise<ObjectInfo[]> {
  const file = path.join(root, name);
  const found = await absentAsUndefined(() => stat(file));
  if (found === undefined || !found.isFile()) return [];
  const info = { path: name, sizeBytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) };
  if (options.metadata !== true) return [info];
  const text = await absentAsUndefined(() => readFile(metadataFile(file), 'utf8'));
  return [{ ...info, metadata: text === undefined ? {} : (JSON.parse(text) as ObjectMetadata) }];
}

async function absentAsUndefined<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

async function translated<T>(
  root: string,
  name: string,
  setting: string,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  try {
    return await action();
  } catch (error) {
    if (error instanceof SluiceError || signal.aborted) throw error;
    throw folderError(root, name, setting, error);
  }
}
