import { SluiceError } from './errors.ts';

/** States an invariant of ours; where it does not hold the run ends with `internal` (exit 70). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SluiceError('internal', `invariant broken: ${message}`);
}

/** The value, where the code before has made sure that there is one. */
export function present<T>(value: T | null | undefined, what: string): T {
  assert(value !== null && value !== undefined, `${what} is absent`);
  return value;
}
