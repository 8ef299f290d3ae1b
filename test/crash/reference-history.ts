import { CrashWorld } from '../support/crash-world.ts';
import type { PointAction } from '../support/crash-points.ts';
import { hostileStream } from '../support/hostile-stream.ts';
import type { Arrival } from '../support/slow-model.ts';
import { openWorkshop, present, type Workshop } from '../support/small-lake.ts';
import { recover } from './run-scenario.ts';
import { Tally } from './tally.ts';

/** Streams with enough of everything, one after the other. */
const FIRST_STREAM = 8;
const EVENTS_A_RUN = 4;
/** Every so many runs a partition loses what it holds before it is read. */
const RUNS_A_LOSS = 7;
/** Enough that every table gets a log checkpoint. */
const QUIET_RUNS = 23;

const limits = {
  /** Runs in a row that pass no new point end the killing. */
  runsWithoutNewsMax: 25,
  /** Each ends at a point of its own, so there are some more than points. */
  runsMax: 500,
} as const;

/** Every point that the runs of an undisturbed history pass. */
export async function referencePoints(workshop: Workshop): Promise<string[]> {
  const tally = new Tally();
  const history = await History.begin(workshop, tally);
  for (let run = 0; run < QUIET_RUNS; run++) await history.run(() => undefined);
  return tally.points();
}

/** Each run is killed at the first point where none was killed yet, until no run comes to such a point. */
export async function killAtEveryPoint(): Promise<string> {
  const workshop = await openWorkshop();
  const tally = new Tally();
  try {
    const history = await History.begin(workshop, tally);
    const done = new Set<string>();
    for (let quiet = 0, run = 0; quiet < limits.runsWithoutNewsMax && run < limits.runsMax; run++) {
      quiet++;
      await history.run((point) => {
        if (quiet === 0 || done.has(point)) return undefined;
        done.add(point);
        quiet = 0;
        return 'kill';
      });
      await history.world.look();
    }
    await recover(history.world, tally);
  } finally {
    await workshop.close();
  }
  return String(tally);
}

class History {
  readonly world: CrashWorld;
  readonly #waiting: Arrival[] = [];
  #stream = FIRST_STREAM;
  #runs = 0;

  private constructor(world: CrashWorld) {
    this.world = world;
  }

  static async begin(workshop: Workshop, tally: Tally): Promise<History> {
    const { timeZone, agents } = hostileStream(FIRST_STREAM);
    const history = new History(new CrashWorld(workshop, timeZone, 1_000_000, tally));
    await history.world.load(present(agents[0]));
    return history;
  }

  /** Some more events, and a run that meets what is there. */
  async run(action: PointAction): Promise<void> {
    this.#runs++;
    this.#send();
    const legs = this.world.hub('call_legs');
    for (const [partition, { events }] of legs.partitions.entries()) {
      if (this.#runs % RUNS_A_LOSS === 0) legs.expireBefore(partition, events.length);
    }
    await this.world.run(action);
  }

  #send(): void {
    while (this.#waiting.length < EVENTS_A_RUN) this.#waiting.push(...hostileStream(this.#stream++).arrivals);
    for (const arrival of this.#waiting.splice(0, EVENTS_A_RUN)) {
      const { events } = this.world.hub(arrival.dataset).partition(arrival.partitionId);
      this.world.send({ ...arrival, sequenceNumber: events.length });
    }
  }
}
