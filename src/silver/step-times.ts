import type { Clock } from '../base/clock.ts';

export type Step = 'judge' | 'merge' | 'write' | 'commit';

/** Seconds spent in each step. */
export class StepTimes {
  readonly #clock: Clock;
  readonly #ms: Record<Step, number> = { judge: 0, merge: 0, write: 0, commit: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async measure<T>(step: Step, action: () => Promise<T>): Promise<T> {
    const startedMs = this.#clock.nowMs();
    try {
      return await action();
    } finally {
      this.#ms[step] += this.#clock.nowMs() - startedMs;
    }
  }

  seconds(): Record<Step, number> {
    const { judge, merge, write, commit } = this.#ms;
    return { judge: judge / 1000, merge: merge / 1000, write: write / 1000, commit: commit / 1000 };
  }
}
