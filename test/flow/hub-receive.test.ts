import { earliestEventPosition, latestEventPosition, type ReceivedEventData } from '@azure/event-hubs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_RETRY, numbersOf, openHub, receive, sleep, textEvents, until, type HubFixture } from './hub-support.ts';

let fixture: HubFixture;

beforeEach(async () => {
  fixture = await openHub();
});

afterEach(async () => {
  await fixture.close();
});

async function send(...bodies: string[]): Promise<void> {
  await fixture.producer().sendBatch(textEvents(...bodies), { partitionId: '0' });
}

const bodiesFrom = async (position: Parameters<typeof receive>[2], count: number): Promise<unknown[]> => {
  const reception = receive(fixture.consumer(), '0', position);
  const events = await reception.waitFor(count);
  await reception.stop();
  return events.map((event) => event.body);
};

describe('start positions', () => {
  let sent: ReceivedEventData[];

  beforeEach(async () => {
    await send('a', 'b');
    await sleep(5);
    await send('c');
    await sleep(5);
    await send('d', 'e');
    const reception = receive(fixture.consumer(), '0', earliestEventPosition);
    sent = [...(await reception.waitFor(5))];
    await reception.stop();
  });

  it('earliest gives all, numbered from 0 without a hole', () => {
    expect(numbersOf(sent)).toEqual([0, 1, 2, 3, 4]);
    expect(sent.map((event) => event.body)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('a sequence number gives what follows it, inclusive itself too', async () => {
    expect(await bodiesFrom({ sequenceNumber: 2 }, 2)).toEqual(['d', 'e']);
    expect(await bodiesFrom({ sequenceNumber: 2, isInclusive: true }, 3)).toEqual(['c', 'd', 'e']);
  });

  it('an offset gives what follows it, inclusive itself too', async () => {
    const offset = sent[3]?.offset ?? '';
    expect(await bodiesFrom({ offset }, 1)).toEqual(['e']);
    expect(await bodiesFrom({ offset, isInclusive: true }, 2)).toEqual(['d', 'e']);
  });

  it('a time gives what was enqueued after it', async () => {
    expect(await bodiesFrom({ enqueuedOn: sent[1]?.enqueuedTimeUtc ?? 0 }, 3)).toEqual(['c', 'd', 'e']);
  });

  it('latest gives only what comes from then on', async () => {
    const reception = receive(fixture.consumer(), '0', latestEventPosition);
    await sleep(500);
    await send('new');
    const events = await reception.waitFor(1);
    await reception.stop();
    expect(events.map((event) => [event.sequenceNumber, event.body])).toEqual([[5, 'new']]);
  });

  it('a number beyond the end waits for it', async () => {
    const reception = receive(fixture.consumer(), '0', { sequenceNumber: 6, isInclusive: true });
    await sleep(300);
    await send('f', 'g');
    const events = await reception.waitFor(1);
    await reception.stop();
    expect(events.map((event) => event.body)).toEqual(['g']);
  });

  it('below what is retained begins at the first event kept', async () => {
    fixture.hub.faults.expireEvents('ivr_calls', '0', 2);
    expect(await bodiesFrom({ sequenceNumber: 0 }, 2)).toEqual(['d', 'e']);
    expect(await fixture.producer().getPartitionProperties('0')).toMatchObject({
      beginningSequenceNumber: 3,
      lastEnqueuedSequenceNumber: 4,
      isEmpty: false,
    });
  });
});

describe('receivers beside each other', () => {
  const start = earliestEventPosition;
  const read = (ownerLevel?: number, group?: string) =>
    receive(fixture.consumer(group, NO_RETRY), '0', start, {
      ...(ownerLevel === undefined ? {} : { ownerLevel }),
      maxWaitTimeInSeconds: 0.3,
    });

  beforeEach(async () => {
    await send('a');
  });

  it('of an equal epoch: the newest takes the partition', async () => {
    const first = read(1);
    await first.waitFor(1);
    const second = read(1);
    await second.waitFor(1);
    expect(await first.waitForError()).toMatchObject({ code: 'ReceiverDisconnectedError' });
    expect(second.errors).toEqual([]);
  });

  it('of a lower epoch: the newcomer is refused, and the old one goes on', async () => {
    const first = read(5);
    await first.waitFor(1);
    const second = read(1);
    const error = await second.waitForError();
    expect(error).toMatchObject({ code: 'ReceiverDisconnectedError' });
    expect(error.message).toContain("with a higher epoch '5' already exists");
    await send('b');
    await first.waitFor(2);
  });

  it('of a higher epoch: the old one is put off', async () => {
    const first = read(1);
    await first.waitFor(1);
    const second = read(5);
    await second.waitFor(1);
    expect((await first.waitForError()).message).toContain('New receiver');
  });

  it('without epoch beside one with: refused', async () => {
    const first = read(1);
    await first.waitFor(1);
    expect((await read().waitForError()).message).toContain('non-epoch receiver is not allowed');
  });

  it('six without epoch: the sixth is refused, and another group is not concerned', async () => {
    const five = Array.from({ length: 5 }, () => read());
    await Promise.all(five.map((one) => one.waitFor(1)));
    expect((await read().waitForError()).message).toContain('maximum number of allowed receivers per partition');
    await read(undefined, 'second').waitFor(1);
  });

  it('whose connection is gone holds no epoch against the next one', async () => {
    await read(5).waitFor(1);
    fixture.hub.faults.dropSockets();
    expect(numbersOf(await read(1).waitFor(1))).toEqual([0]);
  });

  it('of a consumer group that does not exist: refused', async () => {
    expect(await read(undefined, 'nobody').waitForError()).toMatchObject({ code: 'MessagingEntityNotFoundError' });
  });
});

describe('reading on', () => {
  it('gives events as they come, and the end of the partition with them to who asks for it', async () => {
    const consumer = fixture.consumer();
    const ends: (number | undefined)[] = [];
    const subscription = consumer.subscribe(
      '0',
      {
        processEvents: async (events, context) => {
          if (events.length > 0) ends.push(context.lastEnqueuedEventProperties?.sequenceNumber);
        },
        processError: async () => {},
      },
      { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true, maxWaitTimeInSeconds: 1 },
    );
    await send('a', 'b', 'c');
    await until(
      () => ends.length > 0,
      () => 'the metric',
    );
    await subscription.close();
    expect(ends[0]).toBe(2);
  });

  it('carries more events than any window of the session, in order and each once', async () => {
    const producer = fixture.producer();
    for (let i = 0; i < 4; i++) {
      await producer.sendBatch(textEvents(...Array.from({ length: 4_000 }, (_, n) => `${i}-${n}`)), {
        partitionId: '0',
      });
    }
    const reception = receive(fixture.consumer(), '0', earliestEventPosition, { maxBatchSize: 1_000 });
    const events = await reception.waitFor(16_000);
    await reception.stop();
    expect(numbersOf(events)).toEqual(Array.from({ length: 16_000 }, (_, n) => n));
  });

  it('waits while delivery is paused, and goes on where it was', async () => {
    fixture.hub.faults.pauseDelivery();
    await send('a');
    const reception = receive(fixture.consumer(), '0', earliestEventPosition);
    await sleep(500);
    expect(reception.events).toEqual([]);
    fixture.hub.faults.resumeDelivery();
    await reception.waitFor(1);
  });
});
