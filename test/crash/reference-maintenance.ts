import { CrashWorld } from '../support/crash-world.ts';
import type { PointAction } from '../support/crash-points.ts';
import { hostileStream } from '../support/hostile-stream.ts';
import { contentsOf, type Contents } from '../support/lake-contents.ts';
import { COMMANDS, commandOf, withFault, type CommandName } from '../support/simulated-maintenance.ts';
import { openWorkshop, present, type Workshop } from '../support/small-lake.ts';
import { CHANGE, holdBetween, mend } from './maintenance-scenario.ts';
import { Tally } from './tally.ts';

const FIRST_STREAM = 8;
const EVENTS_A_RUN = 12;
const PLACE = { dataset: 'call_legs', partition: 0, partBytes: 1 } as const;
/** Enough that tables get log checkpoints, files are folded and vacuum has something to delete. */
const QUIET_ROUNDS = 6;

const limits = {
  /** Rounds in a row in which the command passes no new point end its killing. */
  roundsWithoutNewsMax: 2,
  roundsMax: 40,
} as const;

/** Every point that the commands of an undisturbed history pass. */
export async function maintenancePoints(workshop: Workshop): Promise<string[]> {
  const tally = new Tally();
  const history = await MaintainedLake.begin(workshop, tally);
  for (let round = 0; round < QUIET_ROUNDS; round++) {
    await history.prepare();
    for (const name of COMMANDS) {
      history.mend(name);
      await history.command(name, () => undefined);
    }
  }
  return tally.points().filter((point) => COMMANDS.some((name) => point.startsWith(`${name}: `)));
}

/**
 * Each command is killed at every point around a change that it comes to, until it comes to no other in some rounds.
 */
export async function killCommandsAtEveryPoint(): Promise<string> {
  const workshop = await openWorkshop();
  const tally = new Tally();
  try {
    for (const name of COMMANDS) {
      const history = await MaintainedLake.begin(workshop, tally);
      const done = new Set<string>();
      for (let quiet = 0, round = 0; quiet < limits.roundsWithoutNewsMax && round < limits.roundsMax; round++) {
        const known = done.size;
        await killInTurn(history, name, done, tally);
        quiet = done.size === known ? quiet + 1 : 0;
      }
    }
  } finally {
    await workshop.close();
  }
  return String(tally);
}

/** The command is killed again and again, each time at a point where it was not yet, until it comes to its end. */
async function killInTurn(history: MaintainedLake, name: CommandName, done: Set<string>, tally: Tally): Promise<void> {
  await history.prepare();
  history.mend(name);
  const before = await history.contents();
  const seen: Contents[] = [];
  for (let isKilled = true; isKilled;) {
    isKilled = false;
    await history.command(name, (point) => {
      if (isKilled || done.has(point) || !CHANGE.test(point)) return undefined;
      done.add(point);
      isKilled = true;
      return 'kill';
    });
    seen.push(await history.contents());
  }
  tally.recoveries++;
  for (const contents of seen) holdBetween(name, before, contents, present(seen.at(-1)));
}

/** A lake that gets a few events before each command, so that there is something for it to do. */
class MaintainedLake {
  readonly #world: CrashWorld;
  #stream = FIRST_STREAM;

  private constructor(world: CrashWorld) {
    this.#world = world;
  }

  static async begin(workshop: Workshop, tally: Tally): Promise<MaintainedLake> {
    const { timeZone, agents } = hostileStream(FIRST_STREAM);
    const history = new MaintainedLake(new CrashWorld(workshop, timeZone, 1_000_000, tally));
    await history.#world.load(present(agents[0]));
    return history;
  }

  contents(): Promise<Contents> {
    return contentsOf(this.#world.tables());
  }

  /** A run that rejects what it should not, and finds an event lost. */
  async prepare(): Promise<void> {
    const world = this.#world;
    world.pipeline = withFault();
    for (const arrival of hostileStream(this.#stream++).arrivals.slice(0, EVENTS_A_RUN)) {
      const { events } = world.hub(arrival.dataset).partition(arrival.partitionId);
      world.send({ ...arrival, sequenceNumber: events.length });
    }
    const { events, missing } = world.hub(PLACE.dataset).partition(PLACE.partition);
    if (events.length > 1) missing.add(events.length - 2);
    await world.run(() => undefined);
  }

  mend(name: CommandName): void {
    mend(this.#world, name, PLACE);
  }

  async command(name: CommandName, action: PointAction): Promise<void> {
    await this.#world.command(commandOf(name, PLACE), action);
  }
}
