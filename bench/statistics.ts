/** What one run of one command cost, measured from outside or at its own exit. */
export interface Sample {
  readonly [figure: string]: number;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Smallest, middle and largest value: the middle of an even count is the mean of the two in the middle. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

export function spreadOf(samples: readonly Sample[], figure: string): Spread {
  return spread(samples.map((sample) => sample[figure] ?? Number.NaN));
}

/** a/b pair by pair: the runs alternate, so a drift of the machine falls on both. */
export function ratios(a: readonly Sample[], b: readonly Sample[], figure: string): Spread {
  return spread(a.map((sample, index) => (sample[figure] ?? Number.NaN) / (b[index]?.[figure] ?? Number.NaN)));
}

export function formatSpread(value: Spread, digits: number): string {
  return [value.min, value.median, value.max].map((x) => x.toFixed(digits)).join(' / ');
}
