import { constants, zstdCompress } from 'node:zlib';

/** Level 1 is cheaper and smaller than level 3 on JSON; a page of it fits into one chunk. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 192 * 1024 };
/** Pages under compression at a time: one more than a thread takes, so that it never waits. */
const PAGES_AT_ONCE = 2;

/** Compresses pages beside the JavaScript thread, a bounded number at a time, in any order. */
export class PageCompressor {
  readonly #running = new Set<Promise<unknown>>();
  #failure: unknown;

  /** Starts on the page once there is room; its memory must stand until the promise inside has resolved. */
  async start(page: Uint8Array): Promise<{ readonly done: Promise<Buffer> }> {
    while (this.#running.size >= PAGES_AT_ONCE) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
    const done = compress(page);
    const running: Promise<unknown> = done
      .catch((error: unknown) => (this.#failure = error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return { done };
  }

  /** Waits for all; what failed is thrown by whoever awaits it. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}

function compress(page: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdCompress(page, OPTIONS, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
