import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { SluiceError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { EventSink, OutgoingEvent } from '../../../src/eventhubs/eventhubs.ts';
import { type GeneratedEvent, type ProduceOptions, produce } from '../../../src/producer/producer.ts';
import { EVENTS_IN_FLIGHT_MAX } from '../../../src/producer/send.ts';

/** Time that passes only while somebody sleeps or a sink works. */
class StillClock implements Clock {
  now = 1_000_000;
  sleeps = 0;
  nowMs(): number {
    return this.now;
  }
  async sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.sleeps++;
    this.now += durationMs;
  }
}

class Sinks {
  readonly sends: { dataset: string; atMs: number; count: number }[] = [];
  readonly bodies: string[] = [];
  underWay = 0;
  underWayMax = 0;
  readonly clock: StillClock;
  readonly during: (dataset: string) => Promise<void> | void;

  constructor(clock: StillClock, during: (dataset: string) => Promise<void> | void = () => {}) {
    this.clock = clock;
    this.during = during;
  }

  readonly of = (dataset: string): EventSink => ({
    send: async (events: readonly OutgoingEvent[], signal: AbortSignal) => {
      this.underWay += events.length;
      this.underWayMax = Math.max(this.underWayMax, this.underWay);
      await this.during(dataset);
      signal.throwIfAborted();
      this.underWay -= events.length;
      this.sends.push({ dataset, atMs: this.clock.now - 1_000_000, count: events.length });
      this.bodies.push(...events.map(({ body }) => new TextDecoder().decode(body)));
    },
    close: async () => {},
  });
}

function* numbered(count: number, datasets = ['ivr_calls']): Generator<GeneratedEvent> {
  for (let n = 0; n < count; n++) {
    yield { dataset: datasets[n % datasets.length] ?? '', event: { n }, partitionKey: `k${n % 3}` };
  }
}

async function run(
  options: Partial<ProduceOptions>,
  during?: (dataset: string) => Promise<void> | void,
  signal = new AbortController().signal,
) {
  const clock = new StillClock();
  const sinks = new Sinks(clock, during);
  const result = produce({ events: numbered(10), sinks: sinks.of, clock, log: silentLog, ...options }, signal);
  return { clock, sinks, result: await result.catch((error: unknown) => error as Error) };
}

describe('without a pace', () => {
  test('everything is sent in order, each event to the sink of its dataset', async () => {
    const datasets = ['ivr_calls', 'call_legs', 'surveys'];
    const { sinks, result, clock } = await run({ events: numbered(7, datasets) });
    expect(result).toEqual({ sent: { ivr_calls: 3, call_legs: 2, surveys: 2 }, seconds: 0 });
    expect(sinks.sends.map(({ dataset }) => dataset)).toEqual(datasets);
    expect(sinks.bodies).toEqual([0, 3, 6, 1, 4, 2, 5].map((n) => `{"n":${n}}`));
    expect(clock.sleeps).toBe(0);
  });

  test('no more than the limit is under way, however many there are', async () => {
    const { sinks, result } = await run({ events: numbered(EVENTS_IN_FLIGHT_MAX * 3 + 1) });
    expect(sinks.underWayMax).toBe(EVENTS_IN_FLIGHT_MAX);
    expect(result).toMatchObject({ sent: { ivr_calls: EVENTS_IN_FLIGHT_MAX * 3 + 1 } });
  });

  test('no event gives no send', async () => {
    const { sinks, result } = await run({ events: [] });
    expect(result).toEqual({ sent: {}, seconds: 0 });
    expect(sinks.sends).toEqual([]);
  });

  test('it ends when the duration is over, and takes no more from the source than it sends', async () => {
    let taken = 0;
    function* endless(): Generator<GeneratedEvent> {
      for (;;) {
        taken++;
        yield { dataset: 'ivr_calls', event: {}, partitionKey: 'k' };
      }
    }
    const clock = new StillClock();
    const sinks = new Sinks(clock, () => {
      clock.now += 400;
    });
    const options = { events: endless(), sinks: sinks.of, durationMs: 1000, clock, log: silentLog };
    const result = await produce(options, new AbortController().signal);
    expect(result).toEqual({ sent: { ivr_calls: 3 * EVENTS_IN_FLIGHT_MAX }, seconds: 1.2 });
    expect(taken).toBe(3 * EVENTS_IN_FLIGHT_MAX);
  });
});

describe('at a pace', () => {
  test('rate times duration are sent, spread evenly', async () => {
    const { sinks, result } = await run({ events: numbered(10_000), ratePerSecond: 200, durationMs: 3000 });
    expect(result).toMatchObject({ sent: { ivr_calls: 600 } });
    expect(sinks.sends).toHaveLength(30);
    for (const [index, { atMs, count }] of sinks.sends.entries()) {
      expect(count).toBe(20);
      expect(atMs).toBeCloseTo(index * 100, 5);
    }
  });

  test('the last send has only what is left of the count', async () => {
    const { sinks } = await run({ events: numbered(100), ratePerSecond: 15, durationMs: 1000 });
    expect(sinks.sends.map(({ count }) => count)).toEqual([2, 2, 2, 2, 2, 2, 2, 1]);
  });

  test('less than one event a second is a rate too', async () => {
    const { sinks } = await run({ ratePerSecond: 0.5 });
    expect(sinks.sends.slice(0, 3).map(({ atMs, count }) => [atMs, count])).toEqual([
      [0, 1],
      [2000, 1],
      [4000, 1],
    ]);
  });

  test('a sink that is slow for a while is caught up with', async () => {
    const clock = new StillClock();
    let sends = 0;
    const sinks = new Sinks(clock, () => {
      if (++sends === 1) clock.now += 1000;
    });
    const events = numbered(10_000);
    const options = { events, sinks: sinks.of, ratePerSecond: 100, durationMs: 2000, clock, log: silentLog };
    const result = await produce(options, new AbortController().signal);
    expect(result.sent).toEqual({ ivr_calls: 200 });
    expect(sinks.sends.filter(({ atMs }) => atMs === 1000)).toHaveLength(11);
  });
});

describe('an end before its time', () => {
  test('a stop that was asked for gives what was sent', async () => {
    const controller = new AbortController();
    let sends = 0;
    const { result } = await run(
      { events: numbered(100), ratePerSecond: 10 },
      () => {
        if (++sends === 4) controller.abort();
      },
      controller.signal,
    );
    expect(result).toMatchObject({ sent: { ivr_calls: 3 } });
  });

  test('a stop before the first event gives nothing', async () => {
    const { result, sinks } = await run({}, undefined, AbortSignal.abort());
    expect(result).toEqual({ sent: {}, seconds: 0 });
    expect(sinks.underWayMax).toBe(0);
  });

  test('a sink that fails fails the whole, when nothing is under way any more', async () => {
    const failure = new SluiceError('eventhubs_unavailable', 'the hub is away');
    let finished = false;
    const { result } = await run({ events: numbered(6, ['ivr_calls', 'surveys']) }, async (dataset) => {
      if (dataset === 'ivr_calls') throw failure;
      await new Promise((resolve) => setImmediate(resolve));
      finished = true;
    });
    expect(result).toBe(failure);
    expect(finished).toBe(true);
  });
});
