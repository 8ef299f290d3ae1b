import { EventHubProducerClient } from '@azure/event-hubs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { BronzeOptions, BronzeOutcome } from '../../src/bronze/bronze.ts';
import { parseConnection } from '../../src/eventhubs/connection.ts';
import type { EventBatch, EventSource, ReceiveRequest } from '../../src/eventhubs/eventhubs.ts';
import { SdkEventSource } from '../../src/eventhubs/sdk-source.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import { openMemory } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { ingest, openBronzeWorkshop, select, type BronzeWorkshop } from '../support/bronze-lake.ts';

const STALL_MS = 1_500;
const SPARE = ['never', 'restored', 'deleted', 'added'] as const;
let workshop: BronzeWorkshop;
let hub: RunningHub;
let fence = 1;

beforeAll(async () => {
  workshop = await openBronzeWorkshop();
  hub = await open(2);
});
afterAll(async () => {
  await hub.stop();
  await workshop.close();
});

function open(partitionCount: number): Promise<RunningHub> {
  const names = [...ROWS.map((_, index) => `loss${index}`), ...SPARE];
  const hubs = names.map((name) => ({ name, partitionCount, consumerGroups: ['own'] }));
  const ports = { amqpPort: 0, tlsPort: 'off', healthPort: 'off' } as const;
  return startHub({ ...ports, dataFolder: join(workshop.folder, 'hub'), hubs });
}

/** A hub and a lake of one row of the table. Before a row begins, three events of partition 0 are in the lake. */
interface World {
  readonly name: string;
  store: ObjectStore;
  send(partition: number, count: number): Promise<void>;
  run(over?: Partial<BronzeOptions>, duringRun?: () => void): Promise<BronzeOutcome>;
  gaps(): Promise<Record<string, unknown>[]>;
  /** `partition:number` of every row. */
  rows(): Promise<string[]>;
}

function worldOf(name: string): World {
  const store = openMemory();
  let sent = 0;
  const world: World = {
    name,
    store,
    async send(partition, count) {
      const client = new EventHubProducerClient(hub.connectionString, name);
      const events = Array.from({ length: count }, () => ({ body: Buffer.from(`{"n":${sent++}}`) }));
      await client.sendBatch(events, { partitionId: String(partition) });
      await client.close();
    },
    async run(over = {}, duringRun = () => {}) {
      const connection = parseConnection(hub.connectionString);
      const tools = { clock: systemClock, log: silentLog, stallMsMax: STALL_MS };
      const source = new SdkEventSource({ connection, hub: name, consumerGroup: 'own', ...tools });
      try {
        return await ingest(workshop, world.store, interrupted(source, duringRun), { fence: fence++, ...over });
      } finally {
        await source.close();
      }
    },
    gaps: () =>
      select(
        workshop,
        world.store,
        'SELECT partition_id AS p, first_sequence_number AS first, last_sequence_number AS last, reason FROM gaps',
      ),
    async rows() {
      const sql = `SELECT partition_id || ':' || sequence_number AS at FROM bronze
        ORDER BY partition_id, sequence_number`;
      return (await select<{ at: string }>(workshop, world.store, sql)).map(({ at }) => at);
    },
  };
  return world;
}

/** The source, with something that happens once: as soon as partition 0 is about to be read. */
function interrupted(source: EventSource, act: () => void): EventSource {
  return {
    namespace: source.namespace,
    hub: source.hub,
    hubProperties: (signal) => source.hubProperties(signal),
    partitionProperties: (id, signal) => source.partitionProperties(id, signal),
    close: () => source.close(),
    receive(request: ReceiveRequest, signal: AbortSignal): AsyncIterable<EventBatch> {
      if (request.partitionId === '0') act();
      return source.receive(request, signal);
    },
  };
}

const at = (partition: number, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${partition}:${first + index}`);

/** What goes wrong, and what is promised of it under both policies. */
interface Row {
  readonly title: string;
  /** Before the run, or as soon as partition 0 is about to be read. */
  readonly before?: (name: string) => void;
  readonly during?: (name: string) => void;
  readonly code: string | undefined;
  readonly exitCode?: number;
  readonly message?: RegExp;
  /** Rows of partition 0 after the run by each policy; none of the policy where it makes no difference. */
  readonly rows: { readonly fail: readonly string[]; readonly record: readonly string[] };
  readonly gap?: { readonly first: bigint; readonly last: bigint; readonly reason: string };
}

// Partition 0 holds 0 to 2, which the lake has, and 3 to 8, which wait.
const ROWS: readonly Row[] = [
  {
    title: 'events that expired before the run',
    before: (name) => hub.faults.expireEvents(name, '0', 4),
    code: 'events_lost',
    exitCode: 3,
    message: /partition 0: events 3 to 4 are lost \(they expired before they were read\).*SLUICE_ON_LOSS=record/,
    rows: { fail: at(0, 0, 2), record: [...at(0, 0, 2), ...at(0, 5, 8)] },
    gap: { first: 3n, last: 4n, reason: 'expired' },
  },
  {
    title: 'events that expire while the run goes on',
    during: (name) => hub.faults.expireEvents(name, '0', 5),
    code: 'events_lost',
    exitCode: 3,
    message: /partition 0: events 3 to 5 are lost \(they expired/,
    rows: { fail: at(0, 0, 2), record: [...at(0, 0, 2), ...at(0, 6, 8)] },
    gap: { first: 3n, last: 5n, reason: 'expired' },
  },
  {
    title: 'all that waited expires while the run goes on',
    during: (name) => hub.faults.expireEvents(name, '0', 8),
    code: 'events_lost',
    exitCode: 3,
    message: /partition 0: events 3 to 8 are lost \(they expired/,
    rows: { fail: at(0, 0, 2), record: at(0, 0, 2) },
    gap: { first: 3n, last: 8n, reason: 'expired' },
  },
  {
    title: 'a hole inside the stream',
    before: (name) => hub.faults.misplaceReceiver(name, '0', 6),
    code: 'events_lost',
    exitCode: 3,
    message: /partition 0: events 3 to 5 are lost \(the hub went over them\)/,
    rows: { fail: at(0, 0, 2), record: [...at(0, 0, 2), ...at(0, 6, 8)] },
    gap: { first: 3n, last: 5n, reason: 'skipped' },
  },
  {
    title: 'older events than asked for',
    before: (name) => hub.faults.misplaceReceiver(name, '0', 0),
    code: undefined,
    rows: { fail: at(0, 0, 8), record: at(0, 0, 8) },
  },
  {
    title: 'a hub that was deleted and created again before the run',
    before: (name) => hub.faults.recreateHub(name),
    code: 'hub_recreated',
    exitCode: 3,
    message: /was created on .*, but bronze\/calls holds the hub created on .* Give it a new lake/,
    rows: { fail: at(0, 0, 2), record: at(0, 0, 2) },
  },
  {
    title: 'a hub that is deleted and created again while it is read: its numbers go backwards',
    during: (name) => hub.faults.recreateHub(name),
    code: 'hub_recreated',
    exitCode: 3,
    message: /partition 0: events 3 to 8 waited when the run began, and now the hub ends at -1/,
    rows: { fail: at(0, 0, 2), record: at(0, 0, 2) },
  },
  {
    title: 'a service that has events and gives none',
    before: () => hub.faults.pauseDelivery(),
    code: 'receiver_stalled',
    exitCode: 4,
    message: /partition 0: events wait, and none came in 1.5 s/,
    rows: { fail: at(0, 0, 2), record: at(0, 0, 2) },
  },
];

describe.each(ROWS.map((row, index) => ({ ...row, name: `loss${index}` })))('$title', (row) => {
  let world: World;
  beforeAll(async () => {
    world = worldOf(row.name);
    await world.send(0, 3);
    await world.run();
    await world.send(0, 6);
    row.before?.(row.name);
  });

  test('by the policy fail', async () => {
    const outcome = await world.run({}, () => row.during?.(row.name));
    hub.faults.resumeDelivery();
    expect(outcome.errors.map(({ code }) => code)).toEqual(row.code === undefined ? [] : [row.code]);
    expect(outcome.errors[0]?.exitCode).toBe(row.exitCode);
    expect(outcome.errors[0]?.message ?? '').toMatch(row.message ?? /^$/);
    expect(await world.rows()).toEqual(row.rows.fail);
    expect(await world.gaps()).toEqual([]);
  });

  test('by the policy record', async () => {
    if (row.code === 'receiver_stalled') hub.faults.pauseDelivery();
    if (row.gap?.reason === 'skipped') row.before?.(row.name);
    const outcome = await world.run({ onLoss: 'record' });
    hub.faults.resumeDelivery();
    const stays = row.gap === undefined && row.code !== undefined;
    expect(outcome.errors.map(({ code }) => code)).toEqual(stays ? [row.code] : []);
    expect(await world.rows()).toEqual(row.rows.record);
    expect(await world.gaps()).toEqual(row.gap === undefined ? [] : [{ p: 0, ...row.gap }]);
  });
});

describe('what is no loss', () => {
  test('a partition that was never written is known to the table, and its first event is taken', async () => {
    const world = worldOf(SPARE[0]);
    await world.send(0, 2);
    expect((await world.run()).partitions[1]).toMatchObject({ first: 0, last: -1, outcome: 'empty' });
    await world.send(1, 1);
    expect(await world.run({ start: 'latest' })).toMatchObject({ outcome: 'complete', errors: [] });
    expect(await world.rows()).toEqual([...at(0, 0, 1), '1:0']);
  });

  test('a checkpoint ahead of a table that was restored is a warning: the table is trusted', async () => {
    const world = worldOf(SPARE[1]);
    await world.send(0, 3);
    await world.run();
    const restored = await copyOf(world.store);
    await world.send(0, 2);
    await world.run();
    await copyInto(restored, world.store, CHECKPOINTS);
    world.store = restored;
    const outcome = await world.run();
    expect(outcome.warnings).toEqual([expect.stringMatching(/partition 0: the checkpoint says 4, the table 2.*trust/)]);
    expect(await world.rows()).toEqual(at(0, 0, 4));
  });

  test('a table gone beside its checkpoints begins where SLUICE_START says, naming what stays out', async () => {
    const world = worldOf(SPARE[2]);
    await world.send(0, 5);
    await world.run();
    await world.send(0, 2);
    const kept = await checkpointsOf(world.store);
    world.store = kept;
    const latest = await world.run({ start: 'latest' });
    expect(latest.warnings).toEqual([
      expect.stringMatching(
        /says 4, but bronze\/calls has never read it.*at event 7 \(SLUICE_START=latest\); events 5 to 6/,
      ),
    ]);
    world.store = await checkpointsOf(kept);
    const earliest = await world.run();
    expect(earliest.warnings).toEqual([expect.stringMatching(/begins at event 0 \(SLUICE_START=earliest\)$/)]);
    expect(await world.rows()).toEqual(at(0, 0, 6));
  });

  test('partitions that were added are read from where SLUICE_START says', async () => {
    const world = worldOf(SPARE[3]);
    await world.send(1, 2);
    await world.run();
    await hub.stop();
    hub = await open(4);
    await world.send(3, 2);
    expect(await world.run()).toMatchObject({ outcome: 'complete', errors: [], warnings: [] });
    expect(await world.rows()).toEqual([...at(1, 0, 1), ...at(3, 0, 1)]);
  });
});

const CHECKPOINTS = 'localhost/';

async function copyInto(target: ObjectStore, source: ObjectStore, prefix: string): Promise<void> {
  const signal = new AbortController().signal;
  for await (const { path, metadata } of source.list(prefix, signal, { metadata: true })) {
    const data = await source.read(path, signal);
    if (data !== undefined) await target.put(path, data, signal, metadata);
  }
}

async function copyOf(source: ObjectStore): Promise<ObjectStore> {
  const copy = openMemory();
  await copyInto(copy, source, '');
  return copy;
}

/** A lake of which nothing but the checkpoints is left. */
async function checkpointsOf(source: ObjectStore): Promise<ObjectStore> {
  const copy = openMemory();
  await copyInto(copy, source, CHECKPOINTS);
  return copy;
}
