import type { Measuring } from '../measured-process.ts';
import type { Sample, Spread } from '../statistics.ts';

export interface LaneOptions {
  readonly events: number;
  readonly runs: number;
  /** Lengths of history, for the lanes that have one. */
  readonly legs: readonly number[];
  readonly measuring: Measuring;
  /** Receivers whose drains are measured: `sdk`, `direct`. */
  readonly receivers: readonly string[];
  /** Progress for the person who waits; results never pass here. */
  readonly say: (text: string) => void;
}

/** One row of the table: a figure of something measured, or a ratio of two taken within this run. */
export interface Figure {
  readonly subject: string;
  readonly figure: string;
  readonly value: Spread;
  readonly digits: number;
}

export interface Lane {
  readonly name: string;
  readonly about: string;
  /** Run only where it is asked for by name: it needs more than npm. */
  readonly optional?: boolean;
  run(options: LaneOptions): Promise<readonly Figure[]>;
}

export type Samples = readonly Sample[];
