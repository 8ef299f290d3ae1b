import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { earliestEventPosition, EventHubConsumerClient, EventHubProducerClient } from '@azure/event-hubs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHub, type HubOptions } from '../../src/hub/hub.ts';
import {
  HUB,
  NO_RETRY,
  numbersOf,
  openHub,
  QUICK,
  receive,
  sleep,
  textEvents,
  type HubFixture,
} from './hub-support.ts';
import { ATTACH, DETACH, WireClient } from './hub-wire-client.ts';

let fixture: HubFixture;

beforeEach(async () => {
  fixture = await openHub();
});

afterEach(async () => {
  await fixture.close();
});

const bodiesOf = (events: readonly { body: unknown }[]): unknown[] => events.map((event) => event.body);
const lastNumber = async (): Promise<number> =>
  (await fixture.producer().getPartitionProperties('0')).lastEnqueuedSequenceNumber;

const start = async (folder: string, port: string): Promise<{ child: ChildProcess; connectionString: string }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hub-process.ts'), folder, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return { child, connectionString: line.toString().trim() };
};

const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL');
  await once(child, 'exit');
};

describe('links and connections that break', () => {
  it('a receiver whose link is detached by force comes back and misses nothing', async () => {
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('a'), { partitionId: '0' });
    const reception = receive(fixture.consumer(), '0', earliestEventPosition);
    await reception.waitFor(1);
    const error = { condition: 'amqp:link:detach-forced', description: 'The link was detached.' };
    expect(fixture.hub.faults.detachLinks(error, { direction: 'receive' })).toBe(1);
    await producer.sendBatch(textEvents('b'), { partitionId: '0' });
    expect(bodiesOf(await reception.waitFor(2))).toEqual(['a', 'b']);
  });

  it('sender and receiver whose socket is gone come back, and every event is there once', async () => {
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('a'), { partitionId: '0' });
    const reception = receive(fixture.consumer(), '0', earliestEventPosition);
    await reception.waitFor(1);
    expect(fixture.hub.faults.dropSockets()).toBe(2);
    await producer.sendBatch(textEvents('b'), { partitionId: '0' });
    expect(bodiesOf(await reception.waitFor(2))).toEqual(['a', 'b']);
  });

  it('clients of a hub that stops come back to the next one, which has all events', async () => {
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('a'), { partitionId: '0' });
    const { createdOn } = await producer.getEventHubProperties();
    const reception = receive(fixture.consumer(), '0', earliestEventPosition);
    await reception.waitFor(1);
    await fixture.restart();
    await producer.sendBatch(textEvents('b'), { partitionId: '0' });
    expect(bodiesOf(await reception.waitFor(2))).toEqual(['a', 'b']);
    expect((await producer.getEventHubProperties()).createdOn).toEqual(createdOn);
  });
});

describe('a peer that wants to hear something', () => {
  it('gets empty frames while there is nothing to say', async () => {
    const client = await WireClient.open(fixture.hub.amqpPort ?? 0, { idle_time_out: 200 });
    await sleep(700);
    client.close();
    expect(client.count(0)).toBeGreaterThanOrEqual(3);
  });
});

describe('answers that go wrong', () => {
  it('server-busy: the send is refused, nothing is stored, and a client that tries again gets through', async () => {
    fixture.hub.faults.rejectSends(1);
    const sending = fixture.producer(NO_RETRY).sendBatch(textEvents('a'), { partitionId: '0' });
    await expect(sending).rejects.toMatchObject({ code: 'ServerBusyError' });
    expect(await lastNumber()).toBe(-1);
    fixture.hub.faults.rejectSends(1);
    await fixture.producer().sendBatch(textEvents('a'), { partitionId: '0' });
    expect(await lastNumber()).toBe(0);
  });

  it('an acknowledgement lost after the append: the client sends again, and the event is there twice', async () => {
    fixture.hub.faults.swallowDispositions(1);
    const options = { retryOptions: { maxRetries: 1, retryDelayInMs: 50, timeoutInMs: 1_000 } };
    await fixture.producer(options).sendBatch(textEvents('a'), { partitionId: '0' });
    expect(await lastNumber()).toBe(1);
  });

  it('an acknowledgement that comes late: the event is stored before it', async () => {
    fixture.hub.faults.delayDispositions(1, 400);
    let isDone = false;
    const sending = fixture
      .producer()
      .sendBatch(textEvents('a'), { partitionId: '0' })
      .then(() => (isDone = true));
    await sleep(250);
    expect([isDone, await lastNumber()]).toEqual([false, 0]);
    await sending;
  });
});

describe('a token that expires', () => {
  it('takes its links away', async () => {
    let nowMs = Date.now();
    await fixture.restart({ clock: { nowMs: () => nowMs, sleep: (_, signal) => sleepBriefly(signal) } });
    const client = await WireClient.open(fixture.hub.amqpPort ?? 0);
    await client.attachNode('$cbs');
    await client.authorize(HUB);
    client.attachSender(2, HUB);
    await client.next(ATTACH);
    expect(client.count(DETACH)).toBe(0);
    nowMs += 3_600_000;
    const detach = await client.next(DETACH);
    client.close();
    expect(JSON.stringify(detach.fields[2])).toContain('amqp:unauthorized-access');
  });
});

describe('events and hubs that go', () => {
  it('a partition whose events have all expired is empty, and counts on', async () => {
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('a', 'b'), { partitionId: '0' });
    fixture.hub.faults.expireEvents(HUB, '0', 1);
    await fixture.restart();
    expect(await fixture.producer().getPartitionProperties('0')).toMatchObject({
      beginningSequenceNumber: 2,
      lastEnqueuedSequenceNumber: 1,
      isEmpty: true,
    });
    await fixture.producer().sendBatch(textEvents('c'), { partitionId: '0' });
    expect(numbersOf(await receive(fixture.consumer(), '0', earliestEventPosition).waitFor(1))).toEqual([2]);
  });

  it('events older than the retention go by themselves', async () => {
    let nowMs = Date.now();
    const clock: HubOptions['clock'] = { nowMs: () => nowMs, sleep: (_, signal) => sleepBriefly(signal) };
    await fixture.restart({ retentionMs: 60_000, clock });
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('old'), { partitionId: '0' });
    nowMs += 50_000;
    await producer.sendBatch(textEvents('young'), { partitionId: '0' });
    nowMs += 20_000;
    await sleep(100);
    const properties = await producer.getPartitionProperties('0');
    expect(properties).toMatchObject({ beginningSequenceNumber: 1, lastEnqueuedSequenceNumber: 1, isEmpty: false });
  });

  it('a hub that is created again has another creation time and counts from 0', async () => {
    const producer = fixture.producer();
    await producer.sendBatch(textEvents('a', 'b'), { partitionId: '0' });
    const before = await producer.getEventHubProperties();
    fixture.hub.faults.recreateHub(HUB);
    const after = await producer.getEventHubProperties();
    expect(after.createdOn.getTime()).toBeGreaterThan(before.createdOn.getTime());
    await producer.sendBatch(textEvents('c'), { partitionId: '0' });
    expect(await lastNumber()).toBe(0);
  });
});

describe('a hub that is killed', () => {
  it('in the middle of sends has every acknowledged event when it is back, and no hole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hub-kill-'));
    const first = await start(folder, '0');
    const producer = new EventHubProducerClient(first.connectionString, HUB, QUICK);
    let acknowledged = 0;
    const sending = (async () => {
      for (;;) {
        await producer.sendBatch(textEvents(...Array.from({ length: 500 }, () => 'x'.repeat(300))), {
          partitionId: '0',
        });
        acknowledged += 500;
      }
    })().catch(() => {});
    await sleep(700);
    const acknowledgedBefore = acknowledged;
    await kill(first.child);
    await producer.close();
    const second = await start(folder, '0');
    const consumer = new EventHubConsumerClient('$Default', second.connectionString, HUB, QUICK);
    const { lastEnqueuedSequenceNumber } = await consumer.getPartitionProperties('0');
    const reception = receive(consumer, '0', earliestEventPosition, { maxBatchSize: 1_000 });
    const events = await reception.waitFor(lastEnqueuedSequenceNumber + 1);
    await reception.stop();
    await consumer.close();
    await kill(second.child);
    await sending;
    rmSync(folder, { recursive: true });
    expect(acknowledgedBefore).toBeGreaterThan(0);
    expect(events.length).toBeGreaterThanOrEqual(acknowledgedBefore);
    expect(events.length % 500).toBe(0);
    expect(numbersOf(events)).toEqual(events.map((_, number) => number));
  });
});

describe('listeners', () => {
  it('a port that is taken is named', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    const { port } = taken.address() as { port: number };
    const folder = mkdtempSync(join(tmpdir(), 'hub-'));
    const hubs = [{ name: HUB, partitionCount: 1, consumerGroups: [] }];
    const options: HubOptions = { amqpPort: port, tlsPort: 'off', healthPort: 'off', dataFolder: folder, hubs };
    await expect(startHub(options)).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(port)),
    });
    const hub = await startHub({ ...options, amqpPort: 0 });
    await hub.stop();
    taken.close();
    rmSync(folder, { recursive: true });
  });

  it('health answers as the emulator does', async () => {
    await fixture.restart({ healthPort: 0 });
    const response = await fetch(`http://localhost:${fixture.hub.healthPort}/health`);
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'healthy', message: 'Service is healthy.' },
    ]);
  });

  it('TLS has a certificate for localhost that its authority file vouches for, kept over restarts', async () => {
    await fixture.restart({ tlsPort: 0 });
    const authority = readFileSync(fixture.hub.certificateFile ?? '');
    for (const host of ['localhost', '127.0.0.1']) {
      const socket = connect({ host, port: fixture.hub.tlsPort ?? 0, ca: authority, servername: 'localhost' });
      await once(socket, 'secureConnect');
      expect(socket.authorized).toBe(true);
      socket.destroy();
    }
    expect(fixture.hub.tlsConnectionString).not.toContain('UseDevelopmentEmulator');
    await fixture.restart({ tlsPort: 0 });
    expect(readFileSync(fixture.hub.certificateFile ?? '')).toEqual(authority);
  });

  it('a connection that never says a word does not keep the hub from stopping', async () => {
    await fixture.restart({ tlsPort: 0 });
    const silent = [fixture.hub.tlsPort, fixture.hub.amqpPort].map((port) => createConnection(port ?? 0, '127.0.0.1'));
    const closed = Promise.all(silent.map((socket) => once(socket, 'close')));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await fixture.hub.stop();
    await closed;
    expect(silent.map((socket) => socket.destroyed)).toEqual([true, true]);
  });

  it('the data folder of a running hub is refused to a second one in another process', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'hub-process.ts'), fixture.folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).not.toBe(0);
    expect(said).toContain('is used by another local hub');
  });
});

/** Time stands still but for the test's own steps; loops still turn. */
function sleepBriefly(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 20);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('stopped', 'AbortError'));
    });
  });
}
