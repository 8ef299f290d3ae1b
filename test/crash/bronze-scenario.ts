import * as fc from 'fast-check';
import type { BronzeOutcome } from '../../src/bronze/bronze.ts';
import type { SluiceError } from '../../src/base/errors.ts';
import { openMemory } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { ingest, type BronzeWorkshop } from '../support/bronze-lake.ts';
import { BronzeWatch, hold } from '../support/crash-bronze-watch.ts';
import { CrashPoints, simulatedClock, sourceWithPoints, storeWithPoints } from '../support/crash-points.ts';
import { SimulatedEventSource } from '../support/simulated-event-source.ts';
import type { Tally } from './tally.ts';

const PARTITIONS = 2;
const START_MS = Date.UTC(2026, 10, 22);
/** Runs after which a scenario without kills must have come to its end. */
const RECOVERIES_MAX = 4;

export type HubStep =
  | { readonly do: 'send'; readonly partition: number; readonly count: number }
  | { readonly do: 'expire'; readonly partition: number; readonly count: number }
  | { readonly do: 'lose'; readonly partition: number; readonly back: number };

/**
 * What happens while a run is at its n-th point. A rival is another run beside it, killed at a point or not; its fence
 * is greater or the same.
 */
export type Incident =
  | HubStep
  | { readonly do: 'rival'; readonly fenced: boolean; readonly killAt: number }
  | { readonly do: 'stop' };

export type BronzeStep =
  | HubStep
  | {
      readonly do: 'run';
      readonly kill: Kill;
      readonly incidents: readonly { readonly at: number; readonly what: Incident }[];
    };

/** The n-th point that the run passes, of all, of those at writes, or of those at the gaps. Beyond the last: never. */
export interface Kill {
  readonly among: keyof typeof AMONG;
  readonly at: number;
}

const AMONG = { all: /./, writes: /(put|put-if-absent|upload) of/, gaps: /of _sluice\/gaps/ } as const;

export interface BronzeScenario {
  readonly bytesMax: number;
  readonly steps: readonly BronzeStep[];
}

const partition = fc.nat(PARTITIONS - 1);
const hubStep: fc.Arbitrary<HubStep> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send'), partition, count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('send'), partition, count: fc.constant(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire'), partition, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose'), partition, back: fc.nat(8) }) },
);
const incident: fc.Arbitrary<Incident> = fc.oneof(
  { weight: 3, arbitrary: hubStep },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rival'),
      fenced: fc.boolean(),
      killAt: fc.integer({ min: 20, max: 120 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop') }) },
);
const at = fc.integer({ min: 1, max: 70 });
const run: fc.Arbitrary<BronzeStep> = fc.record({
  do: fc.constant('run'),
  kill: fc.oneof(
    fc.record({ among: fc.constant('all'), at }),
    fc.record({ among: fc.constant('writes'), at: fc.integer({ min: 1, max: 24 }) }),
    fc.record({ among: fc.constant('gaps'), at: fc.integer({ min: 5, max: 20 }) }),
  ),
  incidents: fc.array(fc.record({ at, what: incident }), { maxLength: 2 }),
});

/** Random contents of a hub, and runs that are killed, overtaken and stopped. */
export const bronzeScenario: fc.Arbitrary<BronzeScenario> = fc.record({
  // From a commit for each batch to one for all.
  bytesMax: fc.constantFrom(300, 900, 4000),
  steps: fc.array(fc.oneof({ weight: 3, arbitrary: hubStep }, { weight: 2, arbitrary: run }), {
    minLength: 3,
    maxLength: 10,
  }),
});

/** Plays the scenario; after every step the lake is looked at as it is. Throws where an invariant is broken. */
export async function playBronze(scenario: BronzeScenario, workshop: BronzeWorkshop, tally: Tally): Promise<void> {
  const world = new BronzeWorld(workshop, scenario.bytesMax, tally);
  for (const step of scenario.steps) {
    if (step.do === 'run') await world.run(step);
    else change(world.hub, step);
  }
  await world.recover();
}

class BronzeWorld {
  readonly hub = new SimulatedEventSource('calls', PARTITIONS);
  readonly #lake: ObjectStore = openMemory();
  readonly #workshop: BronzeWorkshop;
  readonly #bytesMax: number;
  readonly #tally: Tally;
  readonly #watch = new BronzeWatch(this.#lake, 'calls', this.hub);
  readonly #uploadedBy = new Map<string, string>();
  readonly #clock = simulatedClock(START_MS);
  #runs = 0;
  #fence = 0;

  constructor(workshop: BronzeWorkshop, bytesMax: number, tally: Tally) {
    this.#workshop = workshop;
    this.#bytesMax = bytesMax;
    this.#tally = tally;
    // Batches of another size than the flushes.
    this.hub.batchEvents = 4;
  }

  async run({ kill, incidents }: Extract<BronzeStep, { do: 'run' }>): Promise<void> {
    const stop = new AbortController();
    const rivals: Promise<Ended>[] = [];
    let passed = 0;
    const main = await this.#start(++this.#fence, stop.signal, (point, count) => {
      if (AMONG[kill.among].test(point) && ++passed === kill.at) return 'kill';
      const here = incidents.flatMap(({ at: place, what }) => (place === count ? [what] : []));
      for (const what of here) {
        if (what.do === 'stop') stop.abort();
        else if (what.do !== 'rival') change(this.hub, what);
        else {
          const fence = what.fenced ? ++this.#fence : this.#fence;
          const quiet = new AbortController().signal;
          rivals.push(this.#start(fence, quiet, (_, nth) => (nth === what.killAt ? 'kill' : undefined)));
        }
      }
      // The run stands still there until its rivals are done; a kill elsewhere in it does not wait.
      return here.some((what) => what.do === 'rival') ? Promise.all(rivals).then(() => undefined) : undefined;
    });
    await this.#look([...(await Promise.all(rivals)), main]);
  }

  /** Undisturbed runs: the first must bring everything, the next finds nothing to do. */
  async recover(): Promise<void> {
    const quiet = new AbortController().signal;
    for (let attempt = 0; ; attempt++) {
      const ended = await this.#start(++this.#fence, quiet, () => undefined);
      await this.#look([ended]);
      this.#tally.recoveries++;
      if (ended.outcome?.outcome === 'complete' || ended.outcome?.outcome === 'empty') break;
      hold(attempt < RECOVERIES_MAX, `[I1] the run after ends ${ended.outcome?.outcome}`);
    }
    for (const [index, { events, firstRetained }] of this.hub.partitions.entries()) {
      const next = this.#watch.committed.get(index);
      hold(next === events.length, `[I1] partition ${index}: ${next} is wanted next of ${events.length}`);
      hold(firstRetained <= events.length, 'what expires was there');
    }
    const again = await this.#start(this.#fence, quiet, () => undefined);
    hold(again.outcome?.outcome === 'empty' && again.points.changes === 0, `[I10] a repeat changes something`);
    this.#tally.events += this.#watch.rows.length;
  }

  async #start(
    fence: number,
    softStop: AbortSignal,
    action: (point: string, count: number) => 'kill' | undefined | Promise<'kill' | undefined>,
  ): Promise<Ended> {
    const points = new CrashPoints('bronze', action);
    const runId = `run-${++this.#runs}`;
    const { store, source } = {
      store: storeWithPoints(this.#lake, points),
      source: sourceWithPoints(this.hub, points),
    };
    // Some commit every full buffer, some several at once.
    const fileBytesMax = this.#bytesMax === 900 ? 900 : 1;
    const sizes = { bytesMax: this.#bytesMax, fileBytesMax };
    const options = { onLoss: 'record', ...sizes, runId, fence, softStop, clock: this.#clock } as const;
    const outcome = await ingest(this.#workshop, store, source, options, points.signal).catch((error: unknown) => {
      if (points.killedAt === undefined) throw error;
      return undefined;
    });
    for (const path of points.uploads) this.#uploadedBy.set(path, runId);
    this.#tally.run(points);
    return points.killedAt === undefined ? { runId, points, outcome } : { runId, points, outcome: undefined };
  }

  async #look(runs: readonly Ended[]): Promise<void> {
    await this.#watch.look(this.#uploadedBy);
    for (const { outcome, runId } of runs) {
      if (outcome === undefined) continue;
      for (const { code, message } of outcome.errors) hold(EXPECTED.has(code), `${runId}: ${code}: ${message}`);
      this.#watch.receipt(outcome, runId);
    }
  }
}

/** Rivals that win again and again end a run in the open. */
const EXPECTED: ReadonlySet<SluiceError['code']> = new Set(['table_conflict']);

interface Ended {
  readonly runId: string;
  readonly points: CrashPoints;
  /** Undefined where it was killed. */
  readonly outcome: BronzeOutcome | undefined;
}

export function change(hub: SimulatedEventSource, step: HubStep): void {
  const { events, missing, firstRetained } = hub.partition(step.partition);
  if (step.do === 'send') {
    const bodies = Array.from({ length: step.count }, (_, i) => `{"n":${events.length + i}}`);
    // Some are no text.
    hub.send(step.partition, ...bodies.map((body, i) => (i % 7 === 3 ? Buffer.from([0xff, i]) : body)));
  } else if (step.do === 'expire') hub.expireBefore(step.partition, firstRetained + step.count);
  // Only numbers below the last: the last one shows that the end was reached.
  else if (events.length - 2 - step.back >= 0) missing.add(events.length - 2 - step.back);
}
