import { CrashWorld } from '../support/crash-world.ts';
import { hostileStream } from '../support/hostile-stream.ts';
import type { PointAction } from '../support/crash-points.ts';
import { openWorkshop, present, type Workshop } from '../support/small-lake.ts';
import { recover } from './run-scenario.ts';
import { Tally } from './tally.ts';

/** A stream with enough of everything, in enough runs that every table gets a log checkpoint. */
const STREAM = 8;
const RUNS = 23;
/** The run of the history that is killed: gaps, rejected events and log checkpoints come before it or in it. */
const KILLED_RUN = 21;

/** Every point that the runs of the history pass. */
export async function referencePoints(workshop: Workshop): Promise<string[]> {
  const tally = new Tally();
  await play(workshop, tally, () => () => undefined);
  return tally.points();
}

/** Kills a run of the history at each point in turn, where it passes it, and recovers. */
export async function killAtEveryPoint(): Promise<string> {
  const workshop = await openWorkshop();
  const tally = new Tally();
  try {
    for (const wanted of await referencePoints(workshop)) {
      let left = 1;
      const world = await play(workshop, tally, (run) => (point) => {
        if (run < KILLED_RUN || point !== wanted || left === 0) return undefined;
        left--;
        return 'kill';
      });
      await recover(world, tally);
      tally.seeds++;
    }
  } finally {
    await workshop.close();
  }
  return String(tally);
}

async function play(workshop: Workshop, tally: Tally, actionOf: (run: number) => PointAction): Promise<CrashWorld> {
  const { timeZone, arrivals, agents } = hostileStream(STREAM);
  const world = new CrashWorld(workshop, timeZone, 1_000_000, tally);
  await world.load(present(agents[0]));
  for (let run = 0; run < RUNS; run++) {
    const [from, to] = [run, run + 1].map((part) => Math.round((arrivals.length * part) / RUNS));
    for (const arrival of arrivals.slice(from, to)) world.send(arrival);
    const legs = world.hub('call_legs');
    for (const [partition, { events }] of legs.partitions.entries()) {
      if (run % 7 === 5) legs.expireBefore(partition, events.length);
    }
    await world.run(actionOf(run));
    await world.look();
  }
  return world;
}
