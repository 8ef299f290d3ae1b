/**
 * The action's value, or a TimeoutError once the deadline has passed, or the reason of an abort: whether the action
 * heeds its signal or not.
 */
export async function withDeadline<T>(
  action: Promise<T> | ((signal: AbortSignal) => Promise<T>),
  durationMsMax: number,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new DOMException(`no answer within ${durationMsMax / 1000} s`, 'TimeoutError'));
  }, durationMsMax);
  const either = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(either.reason);
  either.addEventListener('abort', abort);
  try {
    return await Promise.race([typeof action === 'function' ? action(either) : action, ended]);
  } finally {
    clearTimeout(timer);
    either.removeEventListener('abort', abort);
  }
}
