import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { Receiver } from '../../src/eventhubs/eventhubs.ts';
import { drain, hubWith, sendNumbered, upTo, type BrokenHub } from '../support/hub-drain.ts';

/** Enough that the share is full long before the last event. */
const EVENTS = 8_000;
/** Nothing here waits for real, and a machine may be slow. */
const STALL_MS = 20_000;
const BACKOFF_MS_MAX = 60_000;
const LAST = EVENTS - 1;
const HUB = 'breaks';
const RECEIVERS: readonly Receiver[] = ['direct', 'sdk'];
const SERVER_BUSY = { condition: 'com.microsoft:server-busy', description: 'Please wait 4 seconds and try again.' };
const LIMIT = { condition: 'amqp:resource-limit-exceeded', description: 'Exceeded the maximum number of receivers.' };

let broken: BrokenHub;

beforeAll(async () => {
  broken = await hubWith([HUB]);
  await sendNumbered(broken.hub, HUB, EVENTS, 300);
});

afterAll(() => broken.close());

/** Drains with a fault after the first batch, without waiting for real; gives the waits too. */
async function drainWith(receiver: Receiver, fault: () => void = () => {}) {
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: async (durationMs, signal) => {
      // The renewal of tokens waits for real.
      if (durationMs > BACKOFF_MS_MAX) return systemClock.sleep(durationMs, signal);
      waits.push(durationMs);
    },
  };
  const atBatch = (_: unknown, index: number): void => {
    if (index === 0) fault();
  };
  const drained = await drain({
    hub: broken.hub,
    name: HUB,
    receiver,
    last: LAST,
    clock,
    atBatch,
    stallMsMax: STALL_MS,
  });
  return { ...drained, breakCount: drained.breaks.length, waits };
}

const WHOLE = upTo(LAST);

describe.for(RECEIVERS)('the receiver %s reads all, each event once', (receiver) => {
  // The genuine client comes back by itself first, and says nothing of it.
  const whole = (breaks: number): object => ({
    numbers: WHOLE,
    breakCount: receiver === 'direct' ? breaks : expect.any(Number),
  });

  test('after it was attached and then refused since there are too many', async () => {
    broken.hub.faults.refuseReceivers(2, LIMIT);
    expect(await drainWith(receiver)).toMatchObject(whole(2));
  });

  test('after its session was ended', async () => {
    const end = (): void => void broken.hub.faults.endSessions({ condition: 'amqp:internal-error', description: 'x' });
    expect(await drainWith(receiver, end)).toMatchObject(whole(1));
  });

  test('after the service closed the connection', async () => {
    expect(await drainWith(receiver, () => void broken.hub.faults.closeConnections())).toMatchObject(whole(1));
  });

  test('and settles those that come unsettled', async () => {
    const { faults } = broken.hub;
    const before = faults.settledDeliveries;
    faults.leaveUnsettled(true);
    expect(await drainWith(receiver)).toMatchObject(whole(0));
    faults.leaveUnsettled(false);
    expect(faults.settledDeliveries - before).toBe(EVENTS);
  });

  test('after the service was busy, for which it waits four seconds each time', async () => {
    const drained = await drainWith(receiver, () => {
      expect(broken.hub.faults.detachLinks(SERVER_BUSY)).toBe(1);
      broken.hub.faults.refuseReceivers(2, SERVER_BUSY);
    });
    expect(drained).toMatchObject(whole(3));
    const waits = drained.waits.filter((waitMs) => waitMs >= 4_000);
    expect(waits.length).toBeGreaterThanOrEqual(receiver === 'direct' ? 3 : 1);
  });
});

describe('the receiver direct, attached and then refused', () => {
  test.for([
    ['amqp:not-found', "The messaging entity 'x' could not be found.", 'consumer_group_not_found'],
    ['amqp:unauthorized-access', "Unauthorized access. 'Listen' claim(s) are required.", 'eventhubs_unauthorized'],
    ['amqp:link:stolen', 'A receiver with a higher epoch exists.', 'link_stolen'],
  ] as const)('with %s gives up at once and says what it means', async ([condition, description, code]) => {
    broken.hub.faults.refuseReceivers(1, { condition, description });
    await expect(drainWith('direct')).rejects.toMatchObject({ code });
    // No other try took what is left of the fault.
    expect((await drainWith('direct')).breaks).toEqual([]);
  });
});
