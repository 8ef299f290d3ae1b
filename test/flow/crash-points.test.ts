import { afterAll, beforeAll, expect, test } from 'vitest';
import { bronzeLevel, maintenanceLevel, runLevel } from '../crash/levels.ts';
import { referencePoints } from '../crash/reference-history.ts';
import { maintenancePoints } from '../crash/reference-maintenance.ts';
import { openWorkshop, type Workshop } from '../support/small-lake.ts';

/** More of them: npm run test:crash -- --seeds 10000 --kills 200. */
const BRONZE_SEEDS = 250;
const RUN_SEEDS = 7;
const MAINTENANCE_SEEDS = 4;

let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());

test('bronze killed, overtaken, stopped and run again [I1] [I2] [I3] [I4] [I5] [I6] [I9] [I10] [I14]', async () => {
  const tally = await bronzeLevel({ first: 1, count: BRONZE_SEEDS });
  console.log(`bronze: ${tally}`);
  expect(tally.crashes).toBeGreaterThan(BRONZE_SEEDS / 2);
});

test('[I7] [I8] whole runs to gold killed at any point: every table is the model of what its txn say', async () => {
  const tally = await runLevel({ first: 1, count: RUN_SEEDS });
  console.log(`whole runs: ${tally}`);
  expect(tally.crashes).toBeGreaterThan(RUN_SEEDS / 2);
});

test('[I17] maintenance killed again and again, and run to its end: no row is lost, double or another', async () => {
  const tally = await maintenanceLevel({ first: 1, count: MAINTENANCE_SEEDS });
  console.log(`maintenance: ${tally}`);
  expect(tally.crashes).toBeGreaterThan(MAINTENANCE_SEEDS);
});

test('the crash points are the ones known: a new effect shows here and is killed at too', async () => {
  const points = [...(await referencePoints(workshop)), ...(await maintenancePoints(workshop))].toSorted();
  await expect(`${points.join('\n')}\n`).toMatchFileSnapshot('../crash/points.txt');
});
