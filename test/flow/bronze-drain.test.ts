import { EventHubProducerClient } from '@azure/event-hubs';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { systemClock } from '../../src/base/clock.ts';
import { SluiceError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { MiB } from '../../src/base/limits.ts';
import { ingestBronze, planBronze } from '../../src/bronze/bronze.ts';
import type { BronzeOptions } from '../../src/bronze/bronze.ts';
import { defineRelation, readSnapshot } from '../../src/delta/delta.ts';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import type { Database } from '../../src/duckdb/duckdb.ts';
import { openCheckpoints, openEventSink, openEventSource } from '../../src/eventhubs/eventhubs.ts';
import type { EventSource } from '../../src/eventhubs/eventhubs.ts';
import { startHub } from '../../src/hub/hub.ts';
import type { RunningHub } from '../../src/hub/hub.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import type { Scratch } from '../../src/storage/scratch.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

const never = new AbortController().signal;
let folder: string;
let hub: RunningHub;
let store: ObjectStore;
let scratch: Scratch;
let database: Database;
let fence = 1;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-drain-'));
  const hubs = ['drain', 'types', 'hostile', 'lost'].map((name) => ({
    name,
    partitionCount: 4,
    consumerGroups: ['own'],
  }));
  hub = await startHub({
    amqpPort: 0,
    tlsPort: 'off',
    healthPort: 'off',
    dataFolder: join(folder, 'hub'),
    hubs,
  });
  store = openFolder(join(folder, 'lake'));
  scratch = await openScratch(join(folder, 'scratch'), 512 * MiB);
  database = await openDatabase({ memoryBytesMax: 512 * MiB, threads: 1, temporaryFolder: join(folder, 'spill') });
});

afterAll(async () => {
  database.close();
  await scratch.close();
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

function sourceOf(name: string, connection = hub.connectionString, consumerGroup = 'own'): EventSource {
  return openEventSource({ connection, hub: name, consumerGroup, clock: systemClock, log: silentLog });
}

function optionsOf(name: string, source: EventSource, over: Partial<BronzeOptions> = {}): BronzeOptions {
  return {
    dataset: name,
    source,
    table: { store, root: `bronze/${name}` },
    gaps: { store, root: '_sluice/gaps' },
    checkpoints: openCheckpoints(
      { put: (path, ...rest) => store.put(`_checkpoints/${path}`, ...rest), list: listCheckpoints },
      { namespace: source.namespace, hub: source.hub, consumerGroup: 'own' },
    ),
    scratch,
    consumerGroup: 'own',
    fence: fence++,
    start: 'earliest',
    onLoss: 'fail',
    bytesMax: 64 * MiB,
    fileBytesMax: 1,
    runId: `run-${fence}`,
    clock: systemClock,
    log: silentLog,
    softStop: never,
    ...over,
  };
}

async function* listCheckpoints(prefix: string, signal: AbortSignal, options: { readonly metadata: boolean }) {
  for await (const info of store.list(`_checkpoints/${prefix}`, signal, options)) {
    yield { ...info, path: info.path.slice('_checkpoints/'.length) };
  }
}

async function ingest(name: string, over: Partial<BronzeOptions> = {}) {
  const source = sourceOf(name);
  try {
    return await ingestBronze(optionsOf(name, source, over), never);
  } finally {
    await source.close();
  }
}

async function rowsOf<Row extends Record<string, unknown>>(name: string, sql: string): Promise<Row[]> {
  const location = { store, root: `bronze/${name}` };
  const snapshot = await readSnapshot(location, never);
  await defineRelation(database, name, location, bronzeTable, snapshot?.files.values() ?? [], scratch, never);
  return database.rows<Row>(sql);
}

async function send(name: string, count: number, from = 0): Promise<void> {
  const sink = openEventSink({ connection: hub.connectionString, hub: name });
  const events = Array.from({ length: count }, (_, i) => ({
    body: Buffer.from(JSON.stringify({ event_id: `e${from + i}`, text: 'x'.repeat(i % 50) })),
    partitionKey: `key-${i % 40}`,
    properties: { number: from + i },
  }));
  await sink.send(events, never);
  await sink.close();
}

describe('a drain of the local hub', () => {
  const summary = `
    SELECT count(*) AS rows, count(DISTINCT body) AS bodies, count(DISTINCT (partition_id, sequence_number)) AS numbers,
      sum(CAST(json_extract_string(properties, '$.number') AS BIGINT)) AS total, count(partition_key) AS keys
    FROM drain`;

  test('takes every event once, again nothing, and then only what is new', async () => {
    await send('drain', 3_000);
    const first = await ingest('drain');
    expect(first).toMatchObject({ outcome: 'complete', errors: [], files: 1, commits: 1 });
    expect(first.partitions.reduce((sum, partition) => sum + partition.rows, 0)).toBe(3_000);

    const second = await ingest('drain');
    expect(second).toMatchObject({ outcome: 'empty', errors: [], files: 0, commits: 0 });

    await send('drain', 500, 3_000);
    const third = await ingest('drain');
    expect(third.partitions.reduce((sum, partition) => sum + partition.rows, 0)).toBe(500);
    expect(await rowsOf('drain', summary)).toEqual([
      { rows: 3_500n, bodies: 3_500n, numbers: 3_500n, total: BigInt((3_499 * 3_500) / 2), keys: 3_500n },
    ]);
    const ranges = await rowsOf<{ ok: boolean }>(
      'drain',
      'SELECT max(sequence_number) + 1 = count(*) AND min(sequence_number) = 0 AS ok FROM drain GROUP BY partition_id',
    );
    expect(ranges.every(({ ok }) => ok)).toBe(true);
  });

  test('a small byte budget gives many commits and the same rows', async () => {
    const other = { store, root: 'bronze/drain_small' };
    const outcome = await ingest('drain', { dataset: 'drain_small', table: other, bytesMax: 300_000 });
    expect(outcome.commits).toBeGreaterThan(3);
    expect(outcome.partitions.reduce((sum, partition) => sum + partition.rows, 0)).toBe(3_500);
    expect(await rowsOf('drain_small', summary.replace('FROM drain', 'FROM drain_small'))).toMatchObject([
      { rows: 3_500n, numbers: 3_500n },
    ]);
  });

  test('the plan says what waits and reads nothing', async () => {
    await send('drain', 7, 9_000);
    const source = sourceOf('drain');
    const plan = await planBronze(optionsOf('drain', source), never);
    await source.close();
    const waiting = plan.partitions.map((each) => each.lastSequenceNumber + 1 - each.firstSequenceNumber);
    expect(waiting.reduce((sum, count) => sum + count, 0)).toBe(7);
    expect(plan.partitions.map((each) => each.partitionId)).toEqual(['0', '1', '2', '3']);
  });
});

describe('fidelity through the wire', () => {
  test('every AMQP type that a producer can send is in properties as the domain says', async () => {
    const { types } = createRequire(import.meta.url)('rhea') as { types: Record<string, (value: unknown) => unknown> };
    const wrapped = (name: string, value: unknown): unknown => (types[name] as (v: unknown) => unknown)(value);
    const client = new EventHubProducerClient(hub.connectionString, 'types');
    const properties = {
      uuid: wrapped('wrap_uuid', Buffer.from('00112233445566778899aabbccddeeff', 'hex')),
      long: wrapped('Long', Buffer.from('7fffffffffffffff', 'hex')),
      ulong: wrapped('Ulong', Buffer.from('ffffffffffffffff', 'hex')),
      symbol: wrapped('wrap_symbol', 'sym'),
      char: wrapped('wrap_char', 0x41),
      binary: wrapped('wrap_binary', Buffer.from([0xff])),
      float: wrapped('wrap_float', 1.5),
      nan: wrapped('wrap_double', Number.NaN),
      timestamp: wrapped('wrap_timestamp', 0),
      byte: wrapped('wrap_byte', -3),
      list: wrapped('wrap_list', [1, 'a']),
      flag: true,
      text: 'ü',
    };
    await client.sendBatch([{ body: Buffer.from('{}'), properties }], { partitionId: '1' });
    await client.sendBatch([{ body: 'text', bodyType: 'value' }], { partitionId: '1' });
    await client.sendBatch([{ body: [1, { a: 2 }], bodyType: 'sequence' }], { partitionId: '1' });
    await client.close();
    await ingest('types');
    const rows = await rowsOf('types', 'SELECT body, properties FROM types ORDER BY sequence_number');
    const expected =
      '{"binary":"/w==","byte":-3,"char":"A","flag":true,"float":1.5,"list":[1,"a"],"long":9223372036854775807,' +
      '"nan":"NaN","symbol":"sym","text":"ü","timestamp":"1970-01-01T00:00:00.000Z","ulong":18446744073709551615,' +
      '"uuid":"00112233-4455-6677-8899-aabbccddeeff"}';
    expect(rows).toEqual([
      { body: '{}', properties: expected },
      { body: 'text', properties: null },
      { body: '[1,{"a":2}]', properties: null },
    ]);
  });

  test('bytes that are no text stand in base64, and a byte-order mark, U+0000 and 1 MB stay', async () => {
    const client = new EventHubProducerClient(hub.connectionString, 'hostile');
    const bodies = [
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.from('\ufeff{"a":1}'),
      Buffer.from('a\u0000b'),
      Buffer.alloc(1_000_000, 'x'),
      Buffer.alloc(0),
      Buffer.from([0x80]),
      Buffer.from('ü'),
    ];
    for (const body of bodies) await client.sendBatch([{ body }], { partitionId: '0' });
    await client.close();
    expect(await ingest('hostile')).toMatchObject({ outcome: 'complete', errors: [] });
    // Told in hexadecimal by SQL: the driver drops a byte-order mark when it makes a string.
    const rows = await rowsOf<{ body: string | null; body_base64: string | null }>(
      'hostile',
      'SELECT lower(hex(encode(body))) AS body, body_base64 FROM hostile ORDER BY sequence_number',
    );
    const got = rows.map((row) => row.body ?? Buffer.from(row.body_base64 ?? '', 'base64').toString('hex'));
    expect(got.map(digest)).toEqual(bodies.map((bytes) => digest(bytes.toString('hex'))));
    expect(rows.map((row) => row.body === null)).toEqual([true, false, false, false, false, true, false]);
  });
});

const attempt = async (connection: string, name: string, consumerGroup = 'own') => {
  const source = sourceOf(name, connection, consumerGroup);
  const startMs = Date.now();
  try {
    const outcome = await ingestBronze(
      optionsOf(name, source, { table: { store, root: 'bronze/wrong' }, dataset: 'wrong', consumerGroup }),
      never,
    );
    expect(outcome.outcome).toBe('failed');
    expect(await readSnapshot({ store, root: 'bronze/wrong' }, never)).toBeUndefined();
    return { code: outcome.errors[0]?.code, message: outcome.errors[0]?.message ?? '', ms: Date.now() - startMs };
  } finally {
    await source.close();
  }
};

describe('what is wrong is said in one error, and nothing is written', () => {
  test('a wrong key is unauthorized', async () => {
    const wrong = hub.connectionString.replace('SAS_KEY_VALUE', 'another');
    const { code, message, ms } = await attempt(wrong, 'drain');
    expect(code).toBe('eventhubs_unauthorized');
    expect(message).toContain(`localhost:${hub.amqpPort}`);
    expect(ms).toBeLessThan(20_000);
  });

  test('an unknown hub and an unknown consumer group', async () => {
    expect(await attempt(hub.connectionString, 'nowhere')).toMatchObject({ code: 'hub_not_found' });
    expect(await attempt(hub.connectionString, 'drain', 'nobody')).toMatchObject({ code: 'consumer_group_not_found' });
  });

  test('a refused port is named within 20 s', async () => {
    const free = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(port));
      });
    });
    const { code, message, ms } = await attempt(hub.connectionString.replace(`:${hub.amqpPort}`, `:${free}`), 'drain');
    expect(code).toBe('eventhubs_unavailable');
    expect(message).toContain(`localhost:${free}`);
    expect(ms).toBeLessThan(20_000);
  });

  test('a port that takes connections and never answers is named within 20 s', async () => {
    const silent = createServer(() => {}).listen(0);
    const { port } = silent.address() as { port: number };
    const { code, ms } = await attempt(hub.connectionString.replace(`:${hub.amqpPort}`, `:${port}`), 'drain');
    silent.close();
    expect(code).toBe('eventhubs_unavailable');
    expect(ms).toBeLessThan(20_000);
  });
});

describe('loss on the local hub', () => {
  test('events that expired are lost: fatal by policy, then recorded; a hub created again is another hub', async () => {
    const client = new EventHubProducerClient(hub.connectionString, 'lost');
    const three = [{ body: Buffer.from('1') }, { body: Buffer.from('2') }, { body: Buffer.from('3') }];
    await client.sendBatch(three, { partitionId: '2' });
    expect(await ingest('lost')).toMatchObject({ outcome: 'complete', errors: [] });
    await client.sendBatch([...three, ...three], { partitionId: '2' });
    hub.faults.expireEvents('lost', '2', 4);
    const refused = await ingest('lost');
    expect(refused.errors.map(({ code }) => code)).toEqual(['events_lost']);
    const recorded = await ingest('lost', { onLoss: 'record' });
    expect(recorded).toMatchObject({ outcome: 'complete', errors: [] });
    expect(recorded.partitions[2]).toMatchObject({ first: 3, last: 8, rows: 4, gapRows: 2, lagAfter: 0 });
    hub.faults.expireEvents('lost', '2', 8);
    expect(await ingest('lost')).toMatchObject({ outcome: 'empty', errors: [] });
    await client.close();
    hub.faults.recreateHub('lost');
    expect((await ingest('lost')).errors.map(({ code }) => code)).toEqual(['hub_recreated']);
  });
});

const digest = (hex: string): string => `${hex.length} ${createHash('sha256').update(hex).digest('hex')}`;

test('a setting that is no connection is a configuration error that names it', () => {
  for (const text of [
    '',
    'Endpoint=sb://x/',
    'name=value',
    'no host',
    `${'Endpoint=sb://h/;SharedAccessKeyName=a;'}`,
  ]) {
    expect(() => sourceOf('drain', text)).toThrow(SluiceError);
    expect(() => sourceOf('drain', text)).toThrow(/SLUICE_EVENTHUBS/);
  }
  expect(() => sourceOf('drain', `${hub.connectionString}EntityPath=drain`)).toThrow(/EntityPath/);
});
