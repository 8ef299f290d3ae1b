/**
 * Runs the action for all items at once and adds what it gives to `done`, in the order of the items. Where one fails,
 * the others are waited for, and theirs is there before the first error is thrown.
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  action: (item: T) => Promise<R | undefined>,
  done: R[],
): Promise<void> {
  const ended = await Promise.allSettled(items.map(action));
  for (const end of ended) if (end.status === 'fulfilled' && end.value !== undefined) done.push(end.value);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** What all of them give. Where one fails, the others are waited for before its error is thrown. */
export async function allOf<T extends readonly Promise<unknown>[] | []>(
  begun: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(begun);
  return Promise.all(begun);
}
