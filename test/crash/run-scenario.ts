import * as fc from 'fast-check';
import { callCentre } from '../../src/pipeline.ts';
import { hostileStream, type HostileStream } from '../support/hostile-stream.ts';
import type { Arrival } from '../support/slow-model.ts';
import { present, type Workshop } from '../support/small-lake.ts';
import { CrashWorld, STAGES } from '../support/crash-world.ts';
import { withComment } from '../support/simulated-maintenance.ts';
import type { Tally } from './tally.ts';

const DATASETS = callCentre.datasets.map(({ name }) => name) as Arrival['dataset'][];
/** Runs after which a scenario without kills must have come to its end. */
const RECOVERIES_MAX = 4;

export type RunStep =
  | { readonly do: 'send'; readonly share: number }
  | { readonly do: 'agents' }
  /** The contract of surveys gains a field: the next run gives the table a column. */
  | { readonly do: 'widen' }
  | { readonly do: 'expire' | 'lose'; readonly dataset: number; readonly partition: number; readonly count: number }
  | { readonly do: 'run'; readonly kill: Kill; readonly during: readonly During[] };

/** The n-th point of a stage, or none. */
interface Kill {
  readonly stage: (typeof STAGES)[number] | 'never';
  readonly at: number;
}

/** Events that arrive while the run is at a point. */
interface During {
  readonly at: number;
  readonly share: number;
}

export interface RunScenario {
  readonly stream: number;
  /** Of events, a hub; from a commit for a few events to one for all. */
  readonly bytesMax: number;
  readonly steps: readonly RunStep[];
}

const share = fc.integer({ min: 1, max: 60 });
const kill: fc.Arbitrary<Kill> = fc.record({
  stage: fc.constantFrom(...STAGES, 'bronze', 'silver', 'silver', 'gold', 'gold', 'never'),
  at: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 90 })),
});
const step: fc.Arbitrary<RunStep> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send'), share }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('agents') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('widen') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('expire', 'lose'),
      dataset: fc.nat(2),
      partition: fc.nat(2),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('run'),
      kill,
      during: fc.array(fc.record({ at: fc.integer({ min: 1, max: 150 }), share }), { maxLength: 2 }),
    }),
  },
);

/** A hostile stream that arrives bit by bit, and whole runs to gold that are killed. */
export const runScenario: fc.Arbitrary<RunScenario> = fc.record({
  stream: fc.integer({ min: 1, max: 1_000_000 }),
  bytesMax: fc.constantFrom(1500, 1_000_000),
  steps: fc.array(step, { minLength: 2, maxLength: 7 }),
});

/** Plays the scenario; after every run all tables are held to the model. Throws where one is not as it must be. */
export async function playRuns(scenario: RunScenario, workshop: Workshop, tally: Tally): Promise<void> {
  const stream = hostileStream(scenario.stream);
  const world = new CrashWorld(workshop, stream.timeZone, scenario.bytesMax, tally);
  const rest = new Rest(stream, world);
  for (const each of scenario.steps) {
    if (each.do === 'send') rest.send(each.share);
    else if (each.do === 'agents') await rest.agents();
    else if (each.do === 'widen') world.pipeline = withComment();
    else if (each.do === 'run') await killedRun(world, rest, each);
    else {
      const hub = world.hub(present(DATASETS[each.dataset]));
      const { events, missing, firstRetained } = hub.partition(each.partition);
      if (each.do === 'expire') hub.expireBefore(each.partition, firstRetained + each.count);
      // Only numbers below the last: the last one shows that the end was reached.
      else if (events.length - 1 - each.count >= 0) missing.add(events.length - 1 - each.count);
    }
  }
  rest.send(100);
  while (await rest.agents());
  await recover(world, tally);
}

async function killedRun(world: CrashWorld, rest: Rest, { kill: { stage, at }, during }: RunStep & { do: 'run' }) {
  const counts = new Map<string, number>();
  await world.run((point, count) => {
    for (const incident of during) if (incident.at === count) rest.send(incident.share);
    const here = point.slice(0, point.indexOf(':'));
    counts.set(here, (counts.get(here) ?? 0) + 1);
    return here === stage && counts.get(here) === at ? 'kill' : undefined;
  });
  await world.look();
}

/** Undisturbed runs: the first must bring everything, the next finds nothing to do. */
export async function recover(world: CrashWorld, tally: Tally): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const receipt = present(await world.run(() => undefined));
    await world.look();
    tally.recoveries++;
    if (receipt.outcome === 'complete' || receipt.outcome === 'empty') break;
    if (attempt === RECOVERIES_MAX) throw new Error(`[I1] the run after ends ${receipt.outcome}`);
  }
  world.isAllThere();
  const files = await world.dataFiles();
  const again = present(await world.run(() => undefined));
  if (again.outcome !== 'empty') throw new Error(`[I10] a repeat is ${again.outcome}`);
  if ((await world.dataFiles()) !== files) throw new Error('[I10] a repeat changes tables');
  await world.look();
}

/** What has not happened yet of a stream. */
export class Rest {
  readonly #arrivals: Arrival[];
  readonly #agents: HostileStream['agents'][number][];
  readonly #world: CrashWorld;

  constructor(stream: HostileStream, world: CrashWorld) {
    this.#arrivals = [...stream.arrivals];
    this.#agents = [...stream.agents];
    this.#world = world;
  }

  /** Percent of what is left, at least one. */
  send(percent: number): void {
    const count = Math.ceil((this.#arrivals.length * percent) / 100);
    for (const arrival of this.#arrivals.splice(0, count)) this.#world.send(arrival);
  }

  /** The next version of the dimension; false where there is none left. */
  async agents(): Promise<boolean> {
    const rows = this.#agents.shift();
    if (rows === undefined) return false;
    await this.#world.load(rows);
    return true;
  }
}
