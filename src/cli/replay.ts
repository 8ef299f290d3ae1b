import { SluiceError } from '../base/errors.ts';
import { replayRejected } from '../silver/silver.ts';
import { maintain, type Maintenance, type MaintenanceCommand, type Step } from './maintain.ts';
import { hubNameOf, chosenDatasets } from './hub-sources.ts';
import { replayRangeStep, type ReplayRange } from './replay-range.ts';
import { silverOptions } from './stage-options.ts';
import type { Terminal } from './terminal.ts';

export interface ReplayOptions {
  readonly rejected?: boolean;
  readonly reason?: string;
  /** Dataset or hub name. */
  readonly hub?: string;
  readonly partition?: number;
  readonly from?: number;
  readonly to?: number;
  readonly json?: boolean;
}

/** `sluice replay`: judges rejected events again, or reads a range of a hub again. */
export async function replay(options: ReplayOptions, terminal: Terminal): Promise<number> {
  const { rejected = false, reason, json = false } = options;
  const range = rangeOf(options);
  if (rejected === (range !== undefined)) throw new SluiceError('usage', USAGE);
  if (reason !== undefined && !rejected) throw new SluiceError('usage', `--reason goes with --rejected; ${USAGE}`);
  const steps = (work: Maintenance): readonly Step[] =>
    range === undefined ? rejectedSteps(work, reason) : [replayRangeStep(work, range, terminal)];
  const check: MaintenanceCommand['check'] = (pipeline, configuration) => {
    if (range !== undefined) chosenDatasets([range.hub], pipeline, hubNameOf(configuration, pipeline));
  };
  return maintain({ name: 'replay', json, check, steps }, terminal);
}

const USAGE = 'give --rejected, or --hub, --partition, --from and --to all together; see sluice replay --help';

function rangeOf({ hub, partition, from, to }: ReplayOptions): ReplayRange | undefined {
  if (hub === undefined && partition === undefined && from === undefined && to === undefined) return undefined;
  if (hub === undefined || partition === undefined || from === undefined || to === undefined) {
    throw new SluiceError('usage', USAGE);
  }
  if (from > to) throw new SluiceError('usage', `--from ${from} is after --to ${to}; give them the other way round`);
  return { hub, partition, from, to };
}

/** A step a dataset. */
export function rejectedSteps(work: Maintenance, reason: string | undefined): Step[] {
  return work.pipeline.datasets.map((dataset) => ({
    table: `silver/${dataset.name}`,
    async run(signal) {
      const options = { ...silverOptions(work, dataset), ...(reason === undefined ? {} : { reason }) };
      const { dataset: _, outcome, ...facts } = await replayRejected(options, signal);
      const { accepted, judged, written } = facts;
      const text = `${accepted} of ${judged} rejected events are accepted now; ${written} rows written`;
      return { outcome, text: facts.judged === 0 ? 'no rejected event to judge' : text, facts };
    },
  }));
}
