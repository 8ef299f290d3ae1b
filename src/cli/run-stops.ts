import type { StopSignals } from './terminal.ts';

/** What brings a run to its end, from mild to hard; a later one is aborted only after those before it. */
export interface RunStops {
  /** By the first signal or the time budget: what is read is committed, nothing new is begun. */
  readonly soft: AbortSignal;
  /** Some time after: what bronze has is safe, and silver and gold take up later what they leave now. */
  readonly refining: AbortSignal;
  /** What was read could not be committed in time, or the second signal: nothing is waited for any more. */
  readonly work: AbortSignal;
}

export const stopLimits = {
  /** Silver and gold may finish and commit what they are at for this long. */
  refiningMsMax: 8_000,
  /** The platform kills 30 s after its signal: by now all is committed, or the run says that it is not. */
  committingMsMax: 20_000,
} as const;

/** The first signal, or the end of a time budget that begins now. Its reason is an AbortError, as of a signal. */
export function softStopOf(stop: StopSignals, timeBudgetMs: number | undefined): AbortSignal {
  if (timeBudgetMs === undefined) return stop.soft;
  const spent = new AbortController();
  setTimeout(() => spent.abort(), timeBudgetMs).unref();
  return AbortSignal.any([stop.soft, spent.signal]);
}

export function runStops(soft: AbortSignal, hard: AbortSignal): RunStops {
  return {
    soft,
    refining: AbortSignal.any([hard, delayed(soft, stopLimits.refiningMsMax)]),
    work: AbortSignal.any([hard, delayed(soft, stopLimits.committingMsMax)]),
  };
}

function delayed(signal: AbortSignal, delayMs: number): AbortSignal {
  const late = new AbortController();
  const begin = (): void => void setTimeout(() => late.abort(), delayMs).unref();
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return late.signal;
}
