import { withFields } from './event-object.ts';
import type { DatasetContract, Pipeline } from '../../schemas/contract.ts';
import { optional, text } from '../../schemas/event-fields.ts';
import { optimizeSteps } from '../../src/cli/optimize.ts';
import { goldSteps, silverSteps } from '../../src/cli/rebuild.ts';
import { replayFrom } from '../../src/cli/replay-range.ts';
import { rejectedSteps } from '../../src/cli/replay.ts';
import { vacuumSteps } from '../../src/cli/vacuum.ts';
import { callCentre } from '../../src/pipeline.ts';
import type { SimulatedCommand } from './crash-world.ts';

const DAY_MS = 86_400_000;
const INPUT_BYTES_MAX = 1e9;
/** A few bronze files: so there are some parts, and what is staged is written down. */
const PART_BYTES = 24_576;

/** The names of the commands, as their crash points bear them. */
export const COMMANDS = [
  'optimize',
  'vacuum',
  'replay --rejected',
  'replay --hub',
  'rebuild silver',
  'rebuild gold',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** What `replay --hub` reads again: a whole partition; and how finely silver is built anew. */
export interface Place {
  readonly dataset: string;
  readonly partition: number;
  /** Bronze bytes that a part of `rebuild silver` has; a file at the least. */
  readonly partBytes?: number;
}

/** The steps are those of src/cli: only the lake, the hubs and the clock are simulated. */
export function commandOf(name: CommandName, { dataset, partition, partBytes = PART_BYTES }: Place): SimulatedCommand {
  const [from, to] = [0, Number.MAX_SAFE_INTEGER];
  const all: Readonly<Record<CommandName, Omit<SimulatedCommand, 'name'>>> = {
    optimize: { steps: (work) => optimizeSteps(work, undefined, INPUT_BYTES_MAX) },
    // So late, and with hardly any retention, that only what is needed is left.
    vacuum: { steps: (work) => vacuumSteps(work, undefined, { retain: 1, apply: true }), laterMs: 100 * DAY_MS },
    'replay --rejected': { steps: (work) => rejectedSteps(work, undefined) },
    'replay --hub': {
      steps: (work, sourceOf) => [
        {
          table: `bronze/${dataset}`,
          run: (signal) => replayFrom(sourceOf(dataset), work, dataset, { hub: dataset, partition, from, to }, signal),
        },
      ],
    },
    'rebuild silver': { steps: (work) => silverSteps(work, partBytes) },
    'rebuild gold': { steps: (work) => goldSteps(work, 'all') },
  };
  return { name, ...all[name] };
}

/** The call centre as an earlier version had it, with a fault: it takes areas of six letters at most. */
export function withFault(): Pipeline {
  return changed('call_legs', (legs) => ({
    ...legs,
    event: withFields(legs.event, { area: text(1, 6) }),
  }));
}

/** The call centre as a later version has it: surveys have a comment, which no event has yet. */
export function withComment(): Pipeline {
  const comment = { name: 'comment', type: 'string' } as const;
  return changed('surveys', (surveys) => ({
    ...surveys,
    event: withFields(surveys.event, { comment: optional(text()) }),
    fields: [...surveys.fields, comment],
    silver: { ...surveys.silver, columns: [...surveys.silver.columns, comment] },
  }));
}

function changed(name: string, change: (dataset: DatasetContract) => DatasetContract): Pipeline {
  const datasets = callCentre.datasets.map((dataset) => (dataset.name === name ? change(dataset) : dataset));
  return { ...callCentre, datasets };
}
