import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionOfKey } from '../../src/hub/partition-hash.ts';
import { HUB, NO_RETRY, openHub, receive, textEvents, type HubFixture } from './hub-support.ts';

const MiB = 1024 * 1024;
let fixture: HubFixture;

beforeAll(async () => {
  fixture = await openHub();
});

afterAll(async () => {
  await fixture.close();
});

async function lastNumbers(): Promise<number[]> {
  const producer = fixture.producer();
  const all = await Promise.all(['0', '1', '2', '3'].map((id) => producer.getPartitionProperties(id)));
  return all.map((one) => one.lastEnqueuedSequenceNumber);
}

describe('the genuine client sends', () => {
  it('nothing yet: a hub and its empty partitions describe themselves', async () => {
    const producer = fixture.producer();
    const properties = await producer.getEventHubProperties();
    expect(properties).toMatchObject({ name: HUB, partitionIds: ['0', '1', '2', '3'] });
    expect(Math.abs(Date.now() - properties.createdOn.getTime())).toBeLessThan(60_000);
    expect(await producer.getPartitionProperties('3')).toEqual({
      eventHubName: HUB,
      partitionId: '3',
      beginningSequenceNumber: 0,
      lastEnqueuedSequenceNumber: -1,
      lastEnqueuedOffset: '-1',
      lastEnqueuedOnUtc: new Date(0),
      isEmpty: true,
    });
  });

  it('to a partition, and only that one grows', async () => {
    const before = await lastNumbers();
    await fixture.producer().sendBatch(textEvents('a', 'b', 'c'), { partitionId: '2' });
    expect(await lastNumbers()).toEqual(before.map((last, index) => (index === 2 ? last + 3 : last)));
  });

  it.each(['Hello', 'enwiki', 'user:12345', 'ключ', 'test'])('by key %j, to the partition of the hash', async (key) => {
    const before = await lastNumbers();
    const partition = partitionOfKey(key, 4);
    await fixture.producer().sendBatch(textEvents('x'), { partitionKey: key });
    expect(await lastNumbers()).toEqual(before.map((last, index) => (index === partition ? last + 1 : last)));
    const reception = receive(fixture.consumer(), String(partition), { sequenceNumber: before[partition] ?? -1 });
    const [event] = await reception.waitFor(1);
    await reception.stop();
    expect(event).toMatchObject({ partitionKey: key, body: 'x' });
  });

  it('without either, and the partitions take turns', async () => {
    const before = await lastNumbers();
    const producer = fixture.producer();
    for (let i = 0; i < 8; i++) await producer.sendBatch(textEvents('y'));
    expect(await lastNumbers()).toEqual(before.map((last) => last + 2));
  });

  it('batches to the very limit of bytes, and every event comes back as it was', async () => {
    const producer = fixture.producer();
    const batch = await producer.createBatch({ partitionId: '1' });
    expect(batch.maxSizeInBytes).toBe(MiB);
    const before = (await lastNumbers())[1] ?? -1;
    const body = Buffer.alloc(10_000, 7);
    while (batch.tryAdd({ body, properties: { number: batch.count } }));
    while (batch.tryAdd({ body: Buffer.alloc(1) }));
    await producer.sendBatch(batch);
    const reception = receive(fixture.consumer(), '1', { sequenceNumber: before });
    const events = await reception.waitFor(batch.count);
    await reception.stop();
    expect(events.length).toBe(batch.count);
    expect(events[50]?.body).toEqual(body);
    expect(events[50]?.properties).toEqual({ number: 50 });
  });

  it('an event larger than the hub takes, and nothing is stored', async () => {
    const before = await lastNumbers();
    const sending = fixture.producer(NO_RETRY).sendBatch([{ body: Buffer.alloc(MiB + 1) }], { partitionId: '0' });
    await expect(sending).rejects.toMatchObject({ code: 'MessageTooLargeError' });
    expect(await lastNumbers()).toEqual(before);
  });

  it('every kind of property and identifier, and all come back', async () => {
    const before = (await lastNumbers())[3] ?? -1;
    await fixture.producer().sendBatch(
      [
        {
          body: { nested: [1, null, 'ö'] },
          contentType: 'application/json',
          messageId: 'm-1',
          correlationId: 'c-1',
          properties: { text: 'ß', yes: true, whole: -7, real: 1.5 },
        },
      ],
      { partitionId: '3' },
    );
    const reception = receive(fixture.consumer(), '3', { sequenceNumber: before });
    const [event] = await reception.waitFor(1);
    await reception.stop();
    expect(event).toMatchObject({
      body: { nested: [1, null, 'ö'] },
      contentType: 'application/json',
      messageId: 'm-1',
      correlationId: 'c-1',
      properties: { text: 'ß', yes: true, whole: -7, real: 1.5 },
    });
  });
});

describe('the genuine client is refused', () => {
  it('with a wrong key', async () => {
    const { EventHubProducerClient } = await import('@azure/event-hubs');
    const wrong = fixture.hub.connectionString.replace('SAS_KEY_VALUE', 'another');
    const producer = new EventHubProducerClient(wrong, HUB, NO_RETRY);
    await expect(producer.getEventHubProperties()).rejects.toMatchObject({ code: 'UnauthorizedError' });
    await expect(producer.sendBatch(textEvents('x'))).rejects.toMatchObject({ code: 'UnauthorizedError' });
    await producer.close();
  });

  it('at a hub that does not exist', async () => {
    const { EventHubProducerClient } = await import('@azure/event-hubs');
    const producer = new EventHubProducerClient(fixture.hub.connectionString, 'nowhere', NO_RETRY);
    await expect(producer.getEventHubProperties()).rejects.toMatchObject({ code: 'MessagingEntityNotFoundError' });
    await expect(producer.sendBatch(textEvents('x'))).rejects.toMatchObject({ code: 'MessagingEntityNotFoundError' });
    await producer.close();
  });

  it('at a partition that does not exist', async () => {
    const producer = fixture.producer(NO_RETRY);
    await expect(producer.getPartitionProperties('4')).rejects.toMatchObject({ code: 'ArgumentOutOfRangeError' });
    const sending = producer.sendBatch(textEvents('x'), { partitionId: '4' });
    await expect(sending).rejects.toMatchObject({ code: 'ArgumentOutOfRangeError' });
  });
});
