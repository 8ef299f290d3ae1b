import * as fc from 'fast-check';
import { openBronzeWorkshop } from '../support/bronze-lake.ts';
import { openWorkshop, type Workshop } from '../support/small-lake.ts';
import { bronzeScenario, playBronze } from './bronze-scenario.ts';
import { maintenanceScenario, playMaintenance } from './maintenance-scenario.ts';
import { playRuns, runScenario } from './run-scenario.ts';
import { Tally } from './tally.ts';

export interface Seeds {
  readonly first: number;
  readonly count: number;
}

/** Scenarios that play side by side: they wait for the disk now and then. */
const BRONZE_AT_ONCE = 4;
/** Whole runs dwarf bronze alone: so many seeds of that to one of these. */
const BRONZE_SEEDS_PER_RUN_SEED = 25;

/** Bronze alone: many short scenarios. Throws with the line that replays the first that fails. */
export async function bronzeLevel({ first, count }: Seeds): Promise<Tally> {
  const tally = new Tally();
  const workshop = await openBronzeWorkshop();
  const end = first + count;
  let next = first;
  const player = async (): Promise<void> => {
    while (next < end) {
      const seed = next++;
      const property = fc.asyncProperty(bronzeScenario, (scenario) => playBronze(scenario, workshop, tally));
      report('bronze', seed, await fc.check(property, { seed, numRuns: 1 }));
      tally.seeds++;
    }
  };
  const players = Array.from({ length: BRONZE_AT_ONCE }, player);
  try {
    await Promise.all(players);
  } finally {
    next = end;
    await Promise.allSettled(players);
    await workshop.close();
  }
  return tally;
}

/** Whole runs to gold, one after the other. Throws with the line that replays the first that fails. */
export function runLevel(seeds: Seeds): Promise<Tally> {
  return oneByOne('run', runScenario, playRuns, seeds);
}

/** Maintenance commands, as `runLevel`. */
export function maintenanceLevel(seeds: Seeds): Promise<Tally> {
  return oneByOne('maintenance', maintenanceScenario, playMaintenance, seeds);
}

async function oneByOne<Scenario>(
  level: Level,
  scenarios: fc.Arbitrary<Scenario>,
  play: (scenario: Scenario, workshop: Workshop, tally: Tally) => Promise<void>,
  { first, count }: Seeds,
): Promise<Tally> {
  const tally = new Tally();
  const workshop = await openWorkshop();
  try {
    for (let seed = first; seed < first + count; seed++) {
      const property = fc.asyncProperty(scenarios, (scenario) => play(scenario, workshop, tally));
      // The hubs of a run share a real DuckDB: their order may differ from play to play, so nothing is shrunk.
      report(level, seed, await fc.check(property, { seed, numRuns: 1, endOnFailure: true }));
      tally.seeds++;
    }
  } finally {
    await workshop.close();
  }
  return tally;
}

/** Of so many seeds of bronze alone, how many whole runs, and as many of maintenance. */
export function runSeeds(bronzeSeeds: number): number {
  return Math.ceil(bronzeSeeds / BRONZE_SEEDS_PER_RUN_SEED);
}

type Level = 'bronze' | 'run' | 'maintenance';

function report<T>(level: Level, seed: number, details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const cause = details.errorInstance;
  const message = cause instanceof Error ? cause.message : String(cause);
  const scenario = JSON.stringify(details.counterexample);
  throw new Error(
    `${message}\nreplay: node test/crash/run.ts --level ${level} --seed ${seed} --seeds 1\nscenario: ${scenario}`,
    { cause },
  );
}
