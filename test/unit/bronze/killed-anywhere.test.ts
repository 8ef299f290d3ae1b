import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/base/errors.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { ingest, openBronzeWorkshop, select } from '../../support/bronze-lake.ts';
import type { BronzeWorkshop } from '../../support/bronze-lake.ts';
import { SimulatedEventSource } from '../../support/simulated-event-source.ts';

let workshop: BronzeWorkshop;

beforeAll(async () => {
  workshop = await openBronzeWorkshop();
});
afterAll(() => workshop.close());

const bodies = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);

describe('any stream, cut and killed anywhere', () => {
  test('at every single write of a run that meets a gap in the stream', async () => {
    for (let writes = 1; writes <= 14; writes++) {
      for (const after of [false, true]) {
        const lake = openMemory();
        const hub = new SimulatedEventSource('calls', 2);
        hub.send(0, ...bodies(0, 9));
        hub.send(1, ...bodies(0, 5));
        hub.partition(0).missing.add(4);
        const kill = new AbortController();
        const killed = killedAt(lake, writes, after, () => kill.abort());
        await ingest(workshop, killed, hub, { onLoss: 'record' }, kill.signal).catch(() => undefined);
        expect((await ingest(workshop, lake, hub, { onLoss: 'record' })).errors).toEqual([]);
        await expectConserved(lake, hub);
      }
    }
  });

  test('runs that overlap give every event once, whoever wins', async () => {
    for (const bytesMax of [600, 1500, 4000]) {
      const lake = openMemory();
      const hub = new SimulatedEventSource('calls', 2);
      hub.send(0, ...bodies(0, 30));
      hub.send(1, ...bodies(0, 17));
      hub.partition(0).missing.add(11);
      const runs = [1, 2, 3].map((fence) => ingest(workshop, lake, hub, { onLoss: 'record', bytesMax, fence }));
      const outcomes = await Promise.all(runs);
      expect(outcomes.flatMap(({ errors }) => errors.filter(({ code }) => code !== 'table_conflict'))).toEqual([]);
      await ingest(workshop, lake, hub, { onLoss: 'record', fence: 4 });
      await expectConserved(lake, hub);
    }
  });

  const step = fc.oneof(
    fc.record({ do: fc.constant('send'), partition: fc.nat(1), count: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ do: fc.constant('expire'), partition: fc.nat(1), count: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ do: fc.constant('lose'), partition: fc.nat(1), count: fc.integer({ min: 0, max: 8 }) }),
    fc.record({ do: fc.constant('run'), partition: fc.constant(0), count: fc.constantFrom(0, 0, 1, 2, 3, 4, 5, 6, 8) }),
  );

  test('leaves every event once, or in one gap', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 14 }),
        fc.integer({ min: 600, max: 4000 }),
        fc.boolean(),
        async (steps, bytesMax, after) => {
          const lake = openMemory();
          const hub = new SimulatedEventSource('calls', 2);
          const faults: SluiceError[] = [];
          const options = { onLoss: 'record', bytesMax } as const;
          for (const { do: what, partition, count } of [...steps, { do: 'run', partition: 0, count: 0 }]) {
            const { events, missing } = hub.partition(partition);
            if (what === 'send') hub.send(partition, ...bodies(events.length, count));
            else if (what === 'expire') hub.expireBefore(partition, hub.partition(partition).firstRetained + count);
            // Only numbers below the last: the last one shows that the end was reached.
            else if (what === 'lose' && events.length - 2 - count >= 0) missing.add(events.length - 2 - count);
            else if (what === 'run' && count === 0) {
              const { errors } = await ingest(workshop, lake, hub, options);
              faults.push(...errors);
            } else if (what === 'run') {
              const kill = new AbortController();
              const killed = killedAt(lake, count, after, () => kill.abort());
              await ingest(workshop, killed, hub, options, kill.signal).catch(() => undefined);
            }
          }
          expect(faults).toEqual([]);
          await expectConserved(lake, hub);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});

/** The lake as a process sees it that is killed at its k-th write: before it takes effect, or right after. */
function killedAt(inner: ObjectStore, writes: number, after: boolean, kill: () => void): ObjectStore {
  let left = writes;
  const write = async <T>(action: () => Promise<T>): Promise<T> => {
    left--;
    if (left > 0) return action();
    if (left === 0 && after) await action();
    kill();
    throw new SluiceError('storage_unavailable', 'killed');
  };
  return {
    url: inner.url,
    read: (...args) => inner.read(...args),
    list: (...args) => inner.list(...args),
    download: (...args) => inner.download(...args),
    localPath: (...args) => inner.localPath(...args),
    delete: (...args) => inner.delete(...args),
    put: (...args) => write(() => inner.put(...args)),
    putIfAbsent: (...args) => write(() => inner.putIfAbsent(...args)),
    upload: (...args) => write(() => inner.upload(...args)),
  };
}

async function expectConserved(lake: ObjectStore, hub: SimulatedEventSource): Promise<void> {
  const rows = await select<{ p: number; n: bigint; body: string }>(
    workshop,
    lake,
    'SELECT partition_id AS p, sequence_number AS n, body FROM bronze',
  );
  const gaps = await select<{ p: number; first: bigint; last: bigint }>(
    workshop,
    lake,
    'SELECT partition_id AS p, first_sequence_number AS first, last_sequence_number AS last FROM gaps',
  );
  for (const [partition, { events, firstRetained }] of hub.partitions.entries()) {
    const seen = rows.filter(({ p }) => p === partition).map(({ n }) => Number(n));
    for (const { first, last } of gaps.filter(({ p }) => p === partition)) {
      for (let n = first; n <= last; n++) seen.push(Number(n));
    }
    // The range begins where it was first read from: never after what is retained.
    const least = Math.min(...seen, events.length);
    expect(least).toBeLessThanOrEqual(firstRetained);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: events.length - least }, (_, i) => least + i));
  }
  for (const { p, n, body } of rows) expect(body).toBe(hub.partition(p).events[Number(n)]);
}
