import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { BlobDownloadResponseParsed, BlobItem, ContainerClient } from '@azure/storage-blob';
import { MiB } from '../base/limits.ts';
import { azureError, isAbsent, isTaken } from './azure-error.ts';
import { checkedPath, comparePaths } from './object-path.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from './storage.ts';

/** A file up to the first goes up in one request, a larger one in blocks; both bound the memory of an upload. */
const UPLOAD = { maxSingleShotSize: 16 * MiB, blockSize: 8 * MiB, concurrency: 4 } as const;

/** A transfer of which no byte moved for this long is given up; one that is slow is not. */
const STALL_MS_MAX = 60_000;

/**
 * A lake in a container of Azure Blob Storage, below an optional prefix, spoken to by the Blob API alone (which also
 * serves accounts with a hierarchical namespace, and Azurite).
 *
 * `putIfAbsent` is one PUT with `If-None-Match: *`. Something on the way may repeat a request whose reply was lost, and
 * the repeat then meets the object of the first try: `false` may therefore mean one's own bytes. Callers settle that by
 * reading the object back, as they must after an error. Nothing is tried again here.
 * Throws `storage_unauthorized`, `storage_unavailable`, `configuration`.
 */
export function openAzureBlob(
  container: ContainerClient,
  prefix = '',
  setting = 'SLUICE_LAKE',
  stallMsMax = STALL_MS_MAX,
): ObjectStore {
  const base = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
  const blob = (path: string) => container.getBlockBlobClient(base + checkedPath(path));
  const guarded = async <T>(path: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      throw azureError(error, container.url, base + path, setting);
    }
  };

  return {
    url: publicUrl(container.url, base),
    read: (path, signal) =>
      guarded(path, signal, async () => {
        const reply = await absentAsUndefined(() => blob(path).download(undefined, undefined, { abortSignal: signal }));
        return reply === undefined ? undefined : new Uint8Array(await buffer(bodyOf(reply)));
      }),
    put: (path, data, signal, metadata) =>
      guarded(path, signal, async () => {
        const options = metadata === undefined ? {} : { metadata: { ...metadata } };
        await blob(path).upload(asBuffer(data), data.byteLength, { abortSignal: signal, ...options });
      }),
    putIfAbsent: (path, data, signal) =>
      guarded(path, signal, async () => {
        try {
          const conditions = { ifNoneMatch: '*' };
          await blob(path).upload(asBuffer(data), data.byteLength, { abortSignal: signal, conditions });
          return true;
        } catch (error) {
          if (isTaken(error)) return false;
          throw error;
        }
      }),
    list: (path, signal, options) => list(container, base, path, signal, options ?? {}, guarded),
    delete: (path, signal) =>
      guarded(path, signal, async () => {
        await blob(path).deleteIfExists({ abortSignal: signal });
      }),
    upload: (path, localFile, signal) =>
      guarded(path, signal, async () => {
        await moving(signal, stallMsMax, (abortSignal, onProgress) =>
          blob(path).uploadFile(localFile, { ...UPLOAD, abortSignal, onProgress }),
        );
      }),
    download: (path, localFile, signal) =>
      guarded(path, signal, () =>
        moving(signal, stallMsMax, (within, moved) => download(blob(path), localFile, within, moved)),
      ),
    localPath: () => undefined,
  };
}

type Guarded = <T>(path: string, signal: AbortSignal, action: () => Promise<T>) => Promise<T>;

/** Gathered before it is handed on: accounts with a hierarchical namespace list in another order than code units. */
async function* list(
  container: ContainerClient,
  base: string,
  prefix: string,
  signal: AbortSignal,
  options: ListOptions,
  guarded: Guarded,
): AsyncGenerator<ObjectInfo> {
  const found = await guarded(prefix, signal, async () => {
    const infos: ObjectInfo[] = [];
    const query = { prefix: base + prefix, includeMetadata: true, abortSignal: signal };
    const items = await absentAsUndefined(async () => {
      for await (const item of container.listBlobsFlat(query)) {
        const path = item.name.slice(base.length);
        if (isDirectory(item) || (options.after !== undefined && path <= options.after)) continue;
        infos.push(describe(item, path, options));
      }
      return infos;
    });
    return items ?? [];
  });
  yield* found.toSorted((left, right) => comparePaths(left.path, right.path));
}

function describe(item: BlobItem, path: string, options: ListOptions): ObjectInfo {
  const info = {
    path,
    sizeBytes: item.properties.contentLength ?? 0,
    modifiedAtMs: item.properties.lastModified.getTime(),
  };
  return options.metadata === true ? { ...info, metadata: item.metadata ?? {} } : info;
}

/** Accounts with a hierarchical namespace list their directories as empty blobs with this mark. */
function isDirectory(item: BlobItem): boolean {
  return item.name.endsWith('/') || item.metadata?.['hdi_isfolder'] === 'true';
}

async function download(
  blob: ReturnType<ContainerClient['getBlockBlobClient']>,
  localFile: string,
  signal: AbortSignal,
  moved: () => void,
): Promise<boolean> {
  const reply = await absentAsUndefined(() => blob.download(undefined, undefined, { abortSignal: signal }));
  if (reply === undefined) return false;
  try {
    await pipeline(watched(bodyOf(reply), moved), createWriteStream(localFile), { signal });
    const { size } = await stat(localFile);
    if (reply.contentLength !== undefined && size !== reply.contentLength) {
      throw new Error(`${size} of ${reply.contentLength} bytes arrived`);
    }
    return true;
  } catch (error) {
    await rm(localFile, { force: true });
    throw error;
  }
}

async function* watched(chunks: NodeJS.ReadableStream, moved: () => void): AsyncGenerator<string | Buffer> {
  for await (const chunk of chunks) {
    moved();
    yield chunk;
  }
}

/** Gives the action up where it tells of no progress for so long. */
async function moving<T>(
  signal: AbortSignal,
  stallMsMax: number,
  action: (signal: AbortSignal, moved: () => void) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController();
  const stall = (): void => stalled.abort(new Error(`no byte moved for ${stallMsMax} ms`));
  let timer = setTimeout(stall, stallMsMax);
  const moved = (): void => {
    clearTimeout(timer);
    timer = setTimeout(stall, stallMsMax);
  };
  try {
    return await action(AbortSignal.any([signal, stalled.signal]), moved);
  } catch (error) {
    throw stalled.signal.aborted ? stalled.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function bodyOf(reply: BlobDownloadResponseParsed): NodeJS.ReadableStream {
  if (reply.readableStreamBody === undefined) throw new Error('the reply has no body');
  return reply.readableStreamBody;
}

async function absentAsUndefined<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Without the query: it may be a shared access signature. */
function publicUrl(containerUrl: string, base: string): string {
  const url = new URL(containerUrl);
  return `${url.origin}${url.pathname.replace(/\/$/, '')}${base === '' ? '' : `/${base.slice(0, -1)}`}`;
}
