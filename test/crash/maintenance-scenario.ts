import * as fc from 'fast-check';
import { callCentre } from '../../src/pipeline.ts';
import { hold } from '../support/crash-bronze-watch.ts';
import { CrashWorld } from '../support/crash-world.ts';
import { hostileStream } from '../support/hostile-stream.ts';
import { contentsOf, DATASETS, holdSame, isSame, lostPlaces, placeOf, VIEWS } from '../support/lake-contents.ts';
import type { Contents } from '../support/lake-contents.ts';
import { COMMANDS, commandOf, withFault, type CommandName, type Place } from '../support/simulated-maintenance.ts';
import { slowLake } from '../support/slow-model.ts';
import { present, type Workshop } from '../support/small-lake.ts';
import { Rest } from './run-scenario.ts';
import type { Tally } from './tally.ts';

const PARTITIONS = 3;
/** Runs after which a scenario without kills must have come to its end. */
const RECOVERIES_MAX = 4;
/** Between two of them a kill leaves nothing else. The lease's own changes are killed at by whole runs. */
export const CHANGE = /^(?!lease).*: (before|after) (put|put-if-absent|upload|delete) of /;

/** Where the first run finds events lost. */
const LOST = [
  { dataset: 0, partition: 0 },
  { dataset: 1, partition: 1 },
] as const;

/** The n-th point of the command, of all or of those around a change. */
export interface Kill {
  readonly among: 'all' | 'changes';
  readonly at: number;
}

export type MaintenanceStep =
  | { readonly do: 'send'; readonly share: number }
  | { readonly do: 'lose'; readonly dataset: number; readonly partition: number; readonly back: number }
  | { readonly do: 'run'; readonly kill: Kill }
  | {
      readonly do: 'maintain';
      readonly command: CommandName;
      /** The cause of what it is for is gone: the hub has again what it had lost, the contract's fault is mended. */
      readonly mended: boolean;
      readonly place: { readonly dataset: number; readonly partition: number };
      readonly kills: readonly Kill[];
    };

export interface MaintenanceScenario {
  readonly stream: number;
  readonly steps: readonly MaintenanceStep[];
}

const kill: fc.Arbitrary<Kill> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ among: fc.constant('all'), at: fc.integer({ min: 1, max: 250 }) }) },
  { weight: 2, arbitrary: fc.record({ among: fc.constant('changes'), at: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ among: fc.constant('changes'), at: fc.integer({ min: 1, max: 40 }) }) },
);
const place = { dataset: fc.nat(2), partition: fc.nat(PARTITIONS - 1) };
const between: fc.Arbitrary<MaintenanceStep> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('send'), share: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose'), ...place, back: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('run'), kill }) },
);

function maintain(command: CommandName): fc.Arbitrary<MaintenanceStep> {
  return fc.record({
    do: fc.constant('maintain'),
    command: fc.constant(command),
    mended: fc.integer({ min: 1, max: 4 }).map((chance) => chance > 1),
    place: fc.oneof(fc.constantFrom(...LOST), fc.record(place)),
    kills: fc.array(kill, { minLength: 1, maxLength: 2, size: 'max' }),
  });
}

/** A lake with rejected and lost events, and maintenance of it that is killed, killed again, and run to its end. */
export const maintenanceScenario: fc.Arbitrary<MaintenanceScenario> = fc.record({
  stream: fc.integer({ min: 1, max: 1_000_000 }),
  steps: fc
    .shuffledSubarray([...COMMANDS], { minLength: 3 })
    .chain((commands) => fc.tuple(...commands.map((name) => fc.tuple(fc.option(between), maintain(name)))))
    .map((steps) => steps.flat().filter((each) => each !== null)),
});

/** Plays the scenario. Throws where a table does not say what it has to. */
export async function playMaintenance(scenario: MaintenanceScenario, workshop: Workshop, tally: Tally): Promise<void> {
  const stream = hostileStream(scenario.stream);
  const world = new CrashWorld(workshop, stream.timeZone, 1500, tally);
  world.pipeline = withFault();
  const rest = new Rest(stream, world);
  await world.load(present(stream.agents.at(-1)));
  rest.send(50);
  for (const { dataset, partition } of LOST) loseSome(world, dataset, partition, 1);
  await world.run(() => undefined);
  for (const each of scenario.steps) {
    if (each.do === 'send') rest.send(each.share);
    else if (each.do === 'lose') loseSome(world, each.dataset, each.partition, each.back);
    else if (each.do === 'run') await world.run(killer(each.kill));
    else {
      const where = { dataset: present(DATASETS[each.place.dataset]), partition: each.place.partition };
      if (each.mended) mend(world, each.command, where);
      await maintained(world, each.command, where, each.kills);
    }
  }
  rest.send(100);
  await end(world, present(stream.agents.at(-1)), tally);
}

function killer({ among, at }: Kill): (point: string) => 'kill' | undefined {
  let passed = 0;
  return (point) => ((among === 'all' || CHANGE.test(point)) && ++passed === at ? 'kill' : undefined);
}

/** Only numbers below the last: the last one shows that the end was reached. */
function loseSome(world: CrashWorld, at: number, from: number, back: number): void {
  const { events, missing } = world.hub(present(DATASETS[at])).partition(from);
  if (events.length - 2 - back >= 0) missing.add(events.length - 2 - back);
}

export function mend(world: CrashWorld, name: CommandName, { dataset }: Place): void {
  if (name === 'replay --hub') for (const { missing } of world.hub(dataset).partitions) missing.clear();
  else if (name === 'replay --rejected' || name === 'rebuild silver') world.pipeline = callCentre;
}

/** The command, killed by each of the kills in turn and then run to its end; after each the lake is looked at. */
export async function maintained(
  world: CrashWorld,
  name: CommandName,
  where: Place,
  kills: readonly Kill[],
): Promise<void> {
  const command = commandOf(name, where);
  const before = await contentsOf(world.tables());
  const seen: Contents[] = [];
  for (const each of kills) {
    await world.command(command, killer(each));
    seen.push(await contentsOf(world.tables()));
  }
  hold(await world.command(command, () => undefined), 'nobody kills the last');
  const after = await contentsOf(world.tables());
  for (const contents of [...seen, after]) holdBetween(name, before, contents, after);
}

/** What a command may have done to the tables by the time it is killed. */
export function holdBetween(name: CommandName, before: Contents, seen: Contents, after: Contents): void {
  for (const [table, rows] of seen) {
    const [then, last] = [before.get(table) ?? [], after.get(table) ?? []];
    const what = `[I17] ${name}: ${table}`;
    if (mayChange(name, table)) {
      if (!isStepwise(name))
        hold(isSame(rows, then) || isSame(rows, last), `${what} is neither as before nor as after`);
    } else holdSame(rows, then, `${what} is not what it was`);
  }
  for (const dataset of DATASETS) {
    if (name === 'replay --rejected') holdNowhereLost(dataset, seen, after);
    if (name === 'replay --hub') holdKnown(dataset, before, seen);
  }
}

function mayChange(name: CommandName, table: string): boolean {
  const tables: Readonly<Record<CommandName, RegExp>> = {
    optimize: /^$/,
    vacuum: /^$/,
    'replay --rejected': /^(silver|rejected)\//,
    'replay --hub': /^(bronze|gaps)\//,
    'rebuild silver': /^(silver|rejected)\//,
    'rebuild gold': /^gold\//,
  };
  return tables[name].test(table);
}

/** Commands that commit to a table more than once. */
function isStepwise(name: CommandName): boolean {
  return name === 'replay --rejected' || name === 'replay --hub';
}

/** An event that silver gains is in it before it leaves the rejected events. */
function holdNowhereLost(dataset: string, seen: Contents, after: Contents): void {
  const places = (of: Contents, layer: string): Set<string> =>
    new Set((of.get(`${layer}/${dataset}`) ?? []).map(placeOf));
  const [silver, rejected] = [places(seen, 'silver'), places(seen, 'rejected')];
  for (const event of places(after, 'silver')) {
    hold(
      silver.has(event) || rejected.has(event),
      `[I12] ${dataset} ${event} is in neither silver nor rejected events`,
    );
  }
}

/** Each number that was a row or lost still is, and none is two rows. */
function holdKnown(dataset: string, before: Contents, seen: Contents): void {
  const rows = (of: Contents): string[] => (of.get(`bronze/${dataset}`) ?? []).map(placeOf);
  const own = rows(seen);
  hold(new Set(own).size === own.length, `[I2] ${dataset}: a number is in two rows`);
  const known = new Set([...own, ...lostPlaces(seen, dataset)]);
  for (const event of [...rows(before), ...lostPlaces(before, dataset)]) {
    hold(known.has(event), `[I1] ${dataset} ${event} is neither a row nor lost`);
  }
}

/** Undisturbed: all that is left is brought, and every table is the model of what bronze holds. */
async function end(world: CrashWorld, agents: Parameters<typeof slowLake>[1], tally: Tally): Promise<void> {
  world.pipeline = callCentre;
  await world.command(commandOf('replay --rejected', { dataset: '', partition: 0 }), () => undefined);
  for (let attempt = 0; ; attempt++) {
    const receipt = present(await world.run(() => undefined));
    tally.recoveries++;
    if (receipt.outcome === 'complete' || receipt.outcome === 'empty') break;
    hold(attempt < RECOVERIES_MAX, `[I1] the run after ends ${receipt.outcome}`);
  }
  const contents = await contentsOf(world.tables());
  const arrived = DATASETS.flatMap((name) => {
    const rows = contents.get(`bronze/${name}`) ?? [];
    holdWhole(world, name, rows.map(placeOf), lostPlaces(contents, name));
    tally.events += rows.length;
    return world.arrivals(
      name,
      rows.map((row) => ({ partition: Number(row['partition_id']), number: Number(row['sequence_number']) })),
    );
  });
  const model = slowLake(arrived, agents, world.timeZone);
  for (const name of DATASETS) {
    holdSame(contents.get(`silver/${name}`) ?? [], model[name], `[I17] silver/${name} is not the model's`);
    const refused = model.rejected_events.filter((row) => row['dataset'] === name);
    holdSame(
      contents.get(`rejected/${name}`) ?? [],
      refused,
      `[I17] the rejected events of ${name} are not the model's`,
    );
  }
  for (const name of VIEWS) {
    holdSame(contents.get(`gold/${name}`) ?? [], model[name], `[I17] gold/${name} is not the model's`);
  }
  const again = present(await world.run(() => undefined));
  hold(again.outcome === 'empty', `[I10] a repeat is ${again.outcome}`);
}

/** Every number that was sent is a row or lost, once. */
function holdWhole(world: CrashWorld, dataset: string, rows: readonly string[], lost: readonly string[]): void {
  const sent = world.hub(dataset).partitions.flatMap(({ events }, at) => events.map((_, number) => `${at}/${number}`));
  const found = [...rows, ...lost];
  hold(new Set(found).size === found.length, `[I2] ${dataset}: a number is in two rows, two gaps, or both`);
  const missing = sent.filter((event) => !found.includes(event));
  hold(missing.length === 0, `[I1] ${dataset} lacks ${missing.join(', ')}`);
  hold(found.length === sent.length, `[I1] ${dataset} has ${found.length} of ${sent.length}`);
}
