import { expect, test } from 'vitest';
import { allOf, sideBySide } from '../../../src/base/side-by-side.ts';

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

test('all of them are waited for before the first error is thrown, in their order', async () => {
  const ended: string[] = [];
  const after = async (turns: number, name: string, fails = false): Promise<string> => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    ended.push(name);
    if (fails) throw new Error(name);
    return name;
  };
  expect(await allOf([after(3, 'a'), after(1, 'b')])).toEqual(['a', 'b']);
  ended.length = 0;
  await expect(allOf([after(9, 'c', true), after(1, 'd', true), after(20, 'e')])).rejects.toThrow('c');
  expect(ended).toEqual(['d', 'c', 'e']);
});
