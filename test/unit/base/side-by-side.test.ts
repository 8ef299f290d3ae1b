import { expect, test } from 'vitest';
import { sideBySide } from '../../../src/base/side-by-side.ts';

test('all begin before the first has ended, and what they give stands in the order of the items', async () => {
  const begun: number[] = [];
  const { promise: last, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  await sideBySide(
    [1, 2, 3],
    async (item) => {
      begun.push(item);
      if (item === 3) resolve();
      await last;
      return item === 2 ? undefined : `item ${item}`;
    },
    done,
  );
  expect(begun).toEqual([1, 2, 3]);
  expect(done).toEqual(['item 1', 'item 3']);
});

test('what the others have done is not lost with the one that fails', async () => {
  const done: string[] = [];
  const action = async (item: string): Promise<string> => {
    if (item === 'bad') throw new Error('no');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return item;
  };
  await expect(sideBySide(['a', 'bad', 'b'], action, done)).rejects.toThrow('no');
  expect(done).toEqual(['a', 'b']);
});
