import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { PageCompressor } from '../../../src/parquet/page-compressor.ts';
import { randomBytes } from 'node:crypto';

/** What cannot be compressed grows by these: a frame's head and that of its one block. */
const FRAME_BYTES = 10;
const CHUNK_BYTES = 1024;

async function compressed(compressor: PageCompressor, page: Uint8Array): Promise<Buffer> {
  const { done } = await compressor.start(page);
  return Buffer.concat(await done);
}

test('page after page through one context, each a frame of its own that tells its length', async () => {
  const compressor = new PageCompressor({ chunkBytes: CHUNK_BYTES });
  const pages = Array.from({ length: 40 }, (_, index) =>
    Buffer.concat([randomBytes(index * 150), Buffer.alloc(9_000)]),
  );
  const started = [];
  for (const page of pages) started.push((await compressor.start(page)).done);
  const frames = await Promise.all(started);
  for (const [index, frame] of frames.entries()) {
    expect(zstdDecompressSync(Buffer.concat(frame)).equals(pages[index] as Buffer)).toBe(true);
  }
  expect(frames.some((frame) => frame.length > 1)).toBe(true);
  await compressor.close();
});

test('a frame that ends where a piece of memory ends is read as the same page, and the next one too', async () => {
  const compressor = new PageCompressor({ chunkBytes: CHUNK_BYTES });
  // Two streams take turns: each gets a page that half fills a piece, then one that fills it, then another.
  const sizes = [CHUNK_BYTES / 2, CHUNK_BYTES / 2, 300].flatMap((size) => [size, size]);
  for (const size of sizes) {
    const page = randomBytes(size - FRAME_BYTES);
    const frame = await compressed(compressor, page);
    expect(zstdDecompressSync(frame).equals(page)).toBe(true);
  }
  await compressor.close();
});

test('forgotten frames give their memory back, and what lies in the last piece of it stays', async () => {
  const chunkBytes = 128 * 1024;
  const compressor = new PageCompressor({ chunkBytes });
  const frames = [];
  // Two streams take turns, and each fills three pieces.
  for (let page = 0; page < 8; page++) frames.push(await (await compressor.start(randomBytes(100_000))).done);
  compressor.forget();
  const [first] = frames[0] ?? [];
  const last = frames.at(-1)?.at(-1);
  expect([first?.length, last?.buffer.byteLength]).toEqual([0, chunkBytes]);
  const next = Buffer.alloc(100_000, 'next');
  expect(zstdDecompressSync(await compressed(compressor, next)).equals(next)).toBe(true);
  await compressor.close();
});

test('pieces of memory that others have a share in are left alone', async () => {
  const compressor = new PageCompressor({ chunkBytes: CHUNK_BYTES });
  const [page, frames] = [randomBytes(9_000), [] as Buffer[]];
  for (let index = 0; index < 4; index++) frames.push(await compressed(compressor, page));
  const shared = Buffer.allocUnsafe(16);
  compressor.forget();
  expect([shared.length, ...frames.map((frame) => zstdDecompressSync(frame).equals(page))]).toEqual([
    16,
    true,
    true,
    true,
    true,
  ]);
  await compressor.close();
});

test('pages are compressed two at a time, and a third one waits', async () => {
  const compressor = new PageCompressor();
  const first = await compressor.start(randomBytes(4_000_000));
  const second = await compressor.start(randomBytes(4_000_000));
  let isEarlierDone = false;
  void Promise.race([first.done, second.done]).then(() => (isEarlierDone = true));
  const third = await compressor.start(Buffer.from('a'));
  expect(isEarlierDone).toBe(true);
  await Promise.all([first.done, second.done, third.done]);
  await compressor.close();
});

test('after it was closed a page is refused, not lost', async () => {
  const compressor = new PageCompressor();
  await compressor.close();
  const { done } = await compressor.start(Buffer.from('a'));
  await expect(done).rejects.toThrow('destroyed');
});
