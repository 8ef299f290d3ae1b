import { expect, test } from 'vitest';
import { MemoryShares } from '../../../src/base/memory-shares.ts';

/** Work that says when it begins, and ends when it is told. */
function works(memory: MemoryShares) {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const start = (name: string, share: number): Promise<string> => {
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    return memory.within(share, async () => {
      begun.push(name);
      await end.promise;
      return name;
    });
  };
  return { begun, start, ends };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('shares that fit run side by side, and what does not fit waits for the first to end', async () => {
  const { begun, start, ends } = works(new MemoryShares());
  const all = [start('a', 0.5), start('b', 0.4), start('c', 0.3), start('d', 0.05)];
  await settled();
  // d would fit, and waits behind c all the same.
  expect(begun).toEqual(['a', 'b']);
  ends.get('b')?.resolve();
  await settled();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  for (const end of ends.values()) end.resolve();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

test('more than all of it runs alone', async () => {
  const { begun, start, ends } = works(new MemoryShares());
  const all = [start('small', 0.1), start('huge', 7), start('after', 0)];
  await settled();
  expect(begun).toEqual(['small']);
  ends.get('small')?.resolve();
  await settled();
  expect(begun).toEqual(['small', 'huge', 'after']);
  for (const end of ends.values()) end.resolve();
  await Promise.all(all);
});

test('work that fails gives its share back', async () => {
  const memory = new MemoryShares();
  for (let i = 0; i < 3; i++) {
    await expect(memory.within(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  }
  expect(await memory.within(1, () => Promise.resolve('yes'))).toBe('yes');
});

test('shares that add up to the whole but for rounding fit', async () => {
  const { begun, start, ends } = works(new MemoryShares());
  const all = Array.from({ length: 10 }, (_, index) => start(String(index), 0.1));
  await settled();
  expect(begun).toHaveLength(10);
  for (const end of ends.values()) end.resolve();
  await Promise.all(all);
});
