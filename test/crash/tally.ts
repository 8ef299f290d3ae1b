import type { CrashPoints } from '../support/crash-points.ts';

/** What a long test has done, for its last line. */
export class Tally {
  seeds = 0;
  runs = 0;
  crashes = 0;
  recoveries = 0;
  events = 0;
  readonly #passed = new Set<string>();
  readonly #killedAt = new Set<string>();
  readonly #startedMs = performance.now();

  run({ passed, killedAt }: CrashPoints): void {
    this.runs++;
    for (const point of passed) this.#passed.add(point);
    if (killedAt === undefined) return;
    this.crashes++;
    this.#killedAt.add(killedAt);
  }

  points(): string[] {
    return [...this.#passed].toSorted();
  }

  toString(): string {
    const { seeds, runs, crashes, recoveries, events } = this;
    const seconds = (performance.now() - this.#startedMs) / 1000;
    return (
      `${seeds} seeds, ${runs} runs, ${crashes} crashes at ${this.#killedAt.size} of ${this.#passed.size} points, ` +
      `${recoveries} recoveries, ${events} events: 0 lost, 0 double; ${seconds.toFixed(1)} s`
    );
  }
}
