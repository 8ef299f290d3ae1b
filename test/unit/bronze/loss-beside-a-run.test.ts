import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMemory } from '../../../src/storage/memory.ts';
import { ingest, openBronzeWorkshop, type BronzeWorkshop } from '../../support/bronze-lake.ts';
import { BronzeWatch } from '../../support/crash-bronze-watch.ts';
import { CrashPoints, sourceWithPoints, storeWithPoints, type PointAction } from '../../support/crash-points.ts';
import { SimulatedEventSource } from '../../support/simulated-event-source.ts';

let workshop: BronzeWorkshop;

beforeAll(async () => {
  workshop = await openBronzeWorkshop();
});
afterAll(() => workshop.close());

test('[I2] events read by one run and recorded as lost by another beside it are not both rows and lost', async () => {
  const lake = openMemory();
  const hub = new SimulatedEventSource('calls', 1);
  const uploadedBy = new Map<string, string>();
  const run = async (runId: string, action: PointAction): Promise<CrashPoints> => {
    const points = new CrashPoints('bronze', action);
    const options = { runId, onLoss: 'record' } as const;
    const [store, source] = [storeWithPoints(lake, points), sourceWithPoints(hub, points)];
    await ingest(workshop, store, source, options, points.signal).catch(() => undefined);
    for (const path of points.uploads) uploadedBy.set(path, runId);
    return points;
  };
  await run('first', () => undefined);
  hub.send(0, 'a', 'b', 'c');

  let rival: CrashPoints | undefined;
  await run('reads them', async (point) => {
    if (rival !== undefined || point !== 'bronze: before put-if-absent of log entry of bronze/calls') return undefined;
    hub.expireBefore(0, 2);
    const recorded = 'bronze: after put-if-absent of log entry of _sluice/gaps';
    rival = await run('finds them gone', (place) => (place === recorded ? 'kill' : undefined));
    return undefined;
  });
  expect(rival?.killedAt).toContain('_sluice/gaps');

  const watch = new BronzeWatch(lake, 'calls', hub);
  await watch.look(uploadedBy);
  expect(watch.gaps).toMatchObject([{ first: 0, last: 1, runId: 'finds them gone' }]);
  expect(watch.rows).toMatchObject([{ number: 2, runId: 'reads them' }]);
});
