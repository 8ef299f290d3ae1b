import { isAbort, toSluiceError, type SluiceError } from '../base/errors.ts';

/** What was asked for, or why it cannot be told. */
export interface Attempted<T> {
  readonly found?: T;
  readonly error?: SluiceError;
}

/** One question that fails stops no other; an abort stops all. */
export async function attempted<T>(action: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { found: await action() };
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    return { error: toSluiceError(thrown) };
  }
}
