import { expect, test } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { byteColumnOf } from '../../../src/base/byte-column.ts';
import { ColumnWriter, PAGE_BYTES, PageBuffers } from '../../../src/parquet/column-writer.ts';
import type { Frame } from '../../../src/parquet/page-compressor.ts';

/** Reads a page only when it is told to, as a thread that gets no time until then. */
class LateCompressor {
  readonly #waiting: (() => void)[] = [];
  readonly given: Buffer[] = [];

  start(page: Uint8Array): Promise<{ readonly done: Promise<Frame> }> {
    this.given.push(Buffer.from(page));
    const { promise: done, resolve } = Promise.withResolvers<Frame>();
    this.#waiting.push(() => resolve([Buffer.from(page)]));
    return Promise.resolve({ done });
  }

  go(): void {
    for (const read of this.#waiting.splice(0)) read();
  }
}

test('the memory of a page is not filled again before the page has been read, and is afterwards', async () => {
  const compressor = new LateCompressor();
  const buffers = new PageBuffers();
  const writer = new ColumnWriter(compressor, buffers, undefined);
  const text = (letter: string): Uint8Array => Buffer.from(letter.repeat(PAGE_BYTES / 2 + 1));
  // A page each, since two of them are more than one.
  for (const letter of 'abcde') await writer.texts(byteColumnOf([text(letter)]), 0, 1);
  const ending = writer.end();
  await new Promise((resolve) => setImmediate(resolve));
  compressor.go();
  const { pages } = await ending;
  const stored = await Promise.all(pages.map(({ stored: frame }) => frame));
  expect(stored.map(([bytes]) => present(bytes, 'bytes').at(-1))).toEqual([...Buffer.from('abcde')]);
  expect(stored.map(([bytes]) => bytes)).toEqual(compressor.given);

  const again = buffers.take(1);
  expect(buffers.take(1)).not.toBe(again);
  buffers.giveBack(again);
  expect(buffers.take(1)).toBe(again);
});
