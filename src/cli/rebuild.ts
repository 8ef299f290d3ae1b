import { SluiceError } from '../base/errors.ts';
import { buildGold } from '../gold/gold.ts';
import { rebuildSilver } from '../silver/silver.ts';
import { maintain, type Maintenance, type Step } from './maintain.ts';
import { goldOptions, silverOptions } from './stage-options.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

export interface RebuildOptions {
  /** `YYYY-MM-DD`, of gold alone; none: every day. */
  readonly day?: readonly string[];
  readonly json?: boolean;
}

/** `sluice rebuild`: builds the tables of a layer anew from the layer below. */
export async function rebuild(layer: 'silver' | 'gold', options: RebuildOptions, terminal: Terminal): Promise<number> {
  if (layer === 'silver' && options.day !== undefined) {
    throw new SluiceError('usage', '--day is for gold: silver is built anew as a whole; see sluice rebuild --help');
  }
  const steps = (work: Maintenance): readonly Step[] =>
    layer === 'silver' ? silverSteps(work) : goldSteps(work, options.day ?? 'all');
  return maintain({ name: 'rebuild', json: options.json ?? false, steps }, terminal);
}

/** A step a dataset. `sliceBytesMax`: of bronze at once, for tests. */
export function silverSteps(work: Maintenance, sliceBytesMax?: number): Step[] {
  const more = { engine: version(), ...(sliceBytesMax === undefined ? {} : { sliceBytesMax }) };
  return work.pipeline.datasets.map((dataset) => ({
    table: `silver/${dataset.name}`,
    async run(signal) {
      const {
        dataset: _,
        outcome,
        ...facts
      } = await rebuildSilver({ ...silverOptions(work, dataset), ...more }, signal);
      const { rowsIn, accepted, rejected, rows } = facts;
      const text = `${outcome}, ${rows} rows of ${rowsIn} events: ${accepted} accepted, ${rejected} rejected`;
      return { outcome, text, facts };
    },
  }));
}

/** A step a view. */
export function goldSteps(work: Maintenance, days: 'all' | readonly string[]): Step[] {
  return work.pipeline.gold.map((view) => ({
    table: `gold/${view.name}`,
    async run(signal) {
      const found = await buildGold({ ...goldOptions(work, view), rebuild: days }, signal);
      const { outcome, daysRewritten, rowsWritten } = found;
      const text = `${outcome}, ${rowsWritten} rows of ${daysRewritten.length} days`;
      return { outcome, text, facts: { daysRewritten, rowsWritten } };
    },
  }));
}
