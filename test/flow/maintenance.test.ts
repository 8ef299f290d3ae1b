import { deepStrictEqual } from 'node:assert/strict';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callCentre } from '../../src/pipeline.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { CrashPoints, storeWithPoints } from '../support/crash-points.ts';
import { hostileStream, randomFrom, type Random } from '../support/hostile-stream.ts';
import { MAINTENANCE } from '../support/maintenance.ts';
import { slowLake, type Arrival, type Lake, type Row } from '../support/slow-model.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../support/small-lake.ts';

/** More of them: MAINTENANCE_STREAMS=300; another part of them: MAINTENANCE_SEED=5000. */
const STREAMS = Number(process.env['MAINTENANCE_STREAMS'] ?? 2);
const FIRST_SEED = Number(process.env['MAINTENANCE_SEED'] ?? 1);
/** Kills also where nothing has changed since the kill before: MAINTENANCE_POINTS=all. */
const ALL_POINTS = process.env['MAINTENANCE_POINTS'] === 'all';
const CHANGE = /: (before|after) (put|put-if-absent|upload|delete) of /;
const DATASETS = callCentre.datasets.map(({ name }) => name) as Arrival['dataset'][];
const VIEWS = ['agent_daily', 'queue_daily'] as const;
const KINDS = Object.keys(MAINTENANCE);

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());

test('maintenance between and within runs changes nothing: all tables are the slow model [I11] [I17]', async () => {
  const done = new Map<string, number>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAMS; seed++) {
    const stream = hostileStream(seed);
    const random = randomFrom(seed ^ 0xbeef);
    const lake = new SmallLake(workshop, stream.timeZone);
    await lake.agents(present(stream.agents.at(-1)));
    const maintain = async (): Promise<void> => {
      if (!random.chance(0.4)) return;
      const kind = random.pick(KINDS);
      await present(MAINTENANCE[kind])(lake);
      done.set(kind, (done.get(kind) ?? 0) + 1);
    };
    const arrived: Arrival[] = [];
    for (const part of parts(stream.arrivals, random)) {
      await lake.bronze(present(part[0]).dataset, part);
      arrived.push(...part);
      await maintain();
      if (random.chance(0.5)) continue;
      for (const dataset of DATASETS) {
        await lake.silver(dataset);
        await maintain();
      }
      for (const view of VIEWS) {
        await lake.gold(view);
        await maintain();
      }
      await expectModel(lake, slowLake(arrived, present(stream.agents.at(-1)), stream.timeZone), `seed ${seed}`);
    }
    await lake.run();
    await expectModel(lake, slowLake(arrived, present(stream.agents.at(-1)), stream.timeZone), `seed ${seed}, end`);
  }
  console.log(`maintenance: ${STREAMS} streams; ${[...done].map(([kind, times]) => `${times} × ${kind}`).join(', ')}`);
  expect([...done.keys()].toSorted()).toEqual(KINDS.toSorted());
}, 1_800_000);

/** A replay that accepts something is killed in test/unit/silver/replay-rejected.test.ts: here it changes nothing. */
const CHANGING = KINDS.filter((kind) => kind !== 'replay --rejected');

test.each(CHANGING)('%s killed around each of its changes leaves every table as it was [I17]', async (kind) => {
  const stream = hostileStream(2);
  const store = openMemory();
  const lake = new SmallLake(workshop, stream.timeZone, store);
  await lake.agents(present(stream.agents.at(-1)));
  for (const part of parts(stream.arrivals, randomFrom(2))) await lake.bronze(present(part[0]).dataset, part);
  await lake.run();
  // Something to clear away.
  if (kind === 'vacuum') await present(MAINTENANCE['rebuild silver'])(lake);
  const before = await contents(lake);
  const killedAt = new Set<string>();
  for (let ended = false; !ended; lake.fence++) {
    const points = new CrashPoints(kind, (point) => {
      if (killedAt.has(point) || !(ALL_POINTS || CHANGE.test(point))) return undefined;
      killedAt.add(point);
      return 'kill';
    });
    const dying = new SmallLake(workshop, stream.timeZone, storeWithPoints(store, points));
    dying.fence = lake.fence + 1;
    await present(MAINTENANCE[kind])(dying, points.signal).catch((error: unknown) => {
      if (points.killedAt === undefined) throw error;
    });
    ended = points.killedAt === undefined;
    if (points.changes > 0) deepStrictEqual(await contents(lake), before, `[I17] ${kind} killed at ${points.killedAt}`);
  }
  expect(killedAt.size).toBeGreaterThan(3);
  deepStrictEqual(await contents(lake), before);
  for (const outcome of Object.values(await lake.run())) expect(outcome.daysRewritten).toEqual([]);
});

/** A dataset's next events, some datasets at a time, in the order of each partition. */
function parts(arrivals: readonly Arrival[], random: Random): Arrival[][] {
  const queues = DATASETS.map((dataset) => arrivals.filter((arrival) => arrival.dataset === dataset));
  const found: Arrival[][] = [];
  while (queues.some((queue) => queue.length > 0)) {
    const queue = random.pick(queues.filter((each) => each.length > 0));
    found.push(queue.splice(0, 1 + random.below(1 + Math.ceil(arrivals.length / 6))));
  }
  return found;
}

async function contents(lake: SmallLake): Promise<Record<string, string[]>> {
  const roots = [
    ...DATASETS.flatMap((name) => [`bronze/${name}`, `silver/${name}`]),
    'silver/rejected_events',
    ...VIEWS.map((name) => `gold/${name}`),
  ];
  const found: Record<string, string[]> = {};
  for (const root of roots) found[root] = inOrder(await lake.rows(root));
  return found;
}

async function expectModel(lake: SmallLake, expected: Lake, label: string): Promise<void> {
  for (const name of [...DATASETS, 'rejected_events', ...VIEWS] as const) {
    const root = name.endsWith('_daily') ? `gold/${name}` : `silver/${name}`;
    deepStrictEqual(inOrder(await lake.rows(root)), inOrder(expected[name]), `${label}: ${name} is not the model's`);
  }
}

function inOrder(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();
}
