import type { Clock } from '../base/clock.ts';
import type { BronzeStep } from './bronze.ts';

/** Adds up what each step takes. */
export class StepClock {
  readonly seconds: Record<BronzeStep, number> = { plan: 0, receive: 0, write: 0, commit: 0, checkpoint: 0 };
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async time<T>(step: BronzeStep, action: () => Promise<T>): Promise<T> {
    const startMs = this.clock.nowMs();
    try {
      return await action();
    } finally {
      this.seconds[step] += (this.clock.nowMs() - startMs) / 1000;
    }
  }
}
