import { describe, expect, test } from 'vitest';
import { callLegsContract } from '../../../schemas/call-legs.ts';
import type { EventContract } from '../../../schemas/contract.ts';
import { ivrCallsContract } from '../../../schemas/ivr-calls.ts';
import { surveysContract } from '../../../schemas/surveys.ts';
import { type GeneratedEvent, encodeEvent, generateTicks } from '../../../src/producer/producer.ts';
import { type EventValue, judge } from '../../../src/silver/judge.ts';

const FROM_MS = Date.UTC(2026, 0, 5, 11);
const TICK_US = 120_000_000;
const MINUTE_US = 60_000_000;
const agentIds = Array.from({ length: 1000 }, (_, index) => index + 1);
const ticks = (count: number, change: Partial<Parameters<typeof generateTicks>[0]> = {}): GeneratedEvent[] => [
  ...generateTicks({ seed: 7, fromMs: FROM_MS, ticks: count, agentIds, ...change }),
];

const CONTRACTS = new Map<string, EventContract>(
  [ivrCallsContract, callLegsContract, surveysContract].map((contract) => [contract.name, contract]),
);

/** What the judge makes of the encoded event. */
function accepted(generated: GeneratedEvent): Record<string, EventValue> {
  const contract = CONTRACTS.get(generated.dataset);
  if (contract === undefined) throw new Error(`no dataset ${generated.dataset}`);
  const verdict = judge(contract, encodeEvent(generated).body);
  if (!verdict.accepted || verdict.unknown.length > 0) throw new Error(JSON.stringify(verdict));
  return { ...verdict.values };
}

const many = ticks(400).map((generated) => ({ generated, values: accepted(generated) }));
const of = (dataset: string): Record<string, EventValue>[] =>
  many.filter(({ generated }) => generated.dataset === dataset).map(({ values }) => values);
const [calls, legs, surveys] = [of('ivr_calls'), of('call_legs'), of('surveys')];
const legsOf = Map.groupBy(legs, (leg) => leg['call_id']);
const share = (part: number, whole: number): number => part / whole;
const seconds = (row: Record<string, EventValue>): number =>
  (Number(row['ended_at']) - Number(row['started_at'])) / 1e6;
const all = (
  rows: readonly Record<string, EventValue>[],
  holds: (row: Record<string, EventValue>) => boolean,
): boolean => rows.every(holds);

describe('the seed', () => {
  test('the same seed gives the same events, another one others', () => {
    expect(ticks(3)).toEqual(ticks(3));
    expect(ticks(3, { seed: 8 })).not.toEqual(ticks(3));
  });

  test('a tick is the same wherever the run began, and shares no id with another tick', () => {
    const later = ticks(1, { fromMs: FROM_MS + 240_000 });
    expect(ticks(3).slice(-later.length)).toEqual(later);
    const ids = ticks(50).map(({ event }) => event['event_id']);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('two runs drawn by turns do not disturb each other', () => {
    const [first, second] = [1, 2].map(() =>
      generateTicks({ seed: 7, fromMs: FROM_MS, ticks: 2, agentIds })[Symbol.iterator](),
    );
    const drawn = Array.from({ length: 40 }, () => [first?.next().value, second?.next().value]);
    expect(drawn.map(([one]) => one)).toEqual(drawn.map(([, two]) => two));
    expect(drawn.map(([one]) => one)).toEqual(ticks(2).slice(0, 40));
  });

  test('ticks without end are made only as they are taken', () => {
    const endless = generateTicks({ seed: 7, fromMs: FROM_MS, ticks: Infinity, agentIds })[Symbol.iterator]();
    const taken = Array.from({ length: 500 }, () => endless.next().value);
    expect(taken).toEqual(ticks(20).slice(0, 500));
  });
});

describe('the events', () => {
  test('timestamps are written in UTC with six digits', () => {
    for (const { generated } of many.slice(0, 200)) {
      expect(generated.event['produced_at']).toMatch(/^2026-01-05T\d\d:\d\d:\d\d\.\d{6}Z$/);
    }
  });

  test('the partition key is the call, in the event as it is sent too', () => {
    for (const { generated } of many.slice(0, 200)) {
      expect(generated.partitionKey).toBe(generated.event['call_id']);
      expect(encodeEvent(generated).partitionKey).toBe(generated.partitionKey);
    }
  });

  test('a tick has 8 to 30 calls that begin within it', () => {
    const counts = Map.groupBy(calls, (call) => Math.floor((Number(call['started_at']) - FROM_MS * 1000) / TICK_US));
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, tick) => tick));
    const sizes = [...counts.values()].map(({ length }) => length);
    expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([8, 30]);
  });

  test('calls are as the domain says', () => {
    expect(all(calls, (call) => seconds(call) >= 120 && seconds(call) <= 300)).toBe(true);
    expect(all(calls, (call) => call['queue_id'] === `IVR_${String(call['option_code'])}`)).toBe(true);
    expect(new Set(calls.map((call) => call['option_code'])).size).toBe(14);
    const options = calls.map((call) => Number(call['options_navigated']));
    expect([Math.min(...options), Math.max(...options)]).toEqual([1, 10]);
    expect(share(calls.filter((call) => call['authenticated']).length, calls.length)).toBeCloseTo(0.85, 1.3);
    expect(share(calls.filter((call) => call['transferred']).length, calls.length)).toBeCloseTo(0.3, 1.3);
    expect(all(calls, (call) => Number(call['customer_id']) >= 1 && Number(call['customer_id']) <= 10_000)).toBe(true);
    expect(all(calls, (call) => call['produced_at'] === call['ended_at'])).toBe(true);
  });

  test('a transferred call has 1 to 7 legs of different agents, back to back from its end', () => {
    const transferred = calls.filter((call) => call['transferred']);
    expect(new Set(legsOf.keys())).toEqual(new Set(transferred.map((call) => call['call_id'])));
    const sizes = [...legsOf.values()].map(({ length }) => length);
    expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([1, 7]);
    for (const call of transferred) {
      const own = legsOf.get(call['call_id']) ?? [];
      expect(own.map((leg) => leg['started_at'])).toEqual([
        call['ended_at'],
        ...own.slice(0, -1).map((leg) => leg['ended_at']),
      ]);
      expect(new Set(own.map((leg) => leg['agent_id'])).size).toBe(own.length);
      expect(own.every((leg) => leg['customer_id'] === call['customer_id'])).toBe(true);
    }
    expect(all(legs, (leg) => seconds(leg) >= 0 && seconds(leg) <= 300)).toBe(true);
    expect(new Set(legs.map((leg) => leg['area']))).toEqual(
      new Set(['Cards', 'Financing', 'Collections', 'Relationship']),
    );
  });

  test('the agents are drawn from all of the dimension, each as often as any other', () => {
    const uses = Map.groupBy(legs, (leg) => Math.floor((Number(leg['agent_id']) - 1) / 100));
    expect(uses.size).toBe(10);
    for (const [, drawn] of uses) expect(share(drawn.length, legs.length)).toBeCloseTo(0.1, 1.3);
    const few = ticks(60, { agentIds: [3, 5, 8] }).filter(({ dataset }) => dataset === 'call_legs');
    expect(new Set(few.map(({ event }) => event['agent_id']))).toEqual(new Set([3, 5, 8]));
    const bySize = Map.groupBy(few, ({ partitionKey }) => partitionKey);
    const sizes = [...bySize.values()].map(({ length }) => length);
    expect(Math.max(...sizes)).toBe(3);
    expect(share(sizes.filter((size) => size === 3).length, sizes.length)).toBeCloseTo(5 / 7, 1);
  });

  test('customers are drawn from those given', () => {
    const some = ticks(20, { customerIds: [11, 13] }).filter(({ dataset }) => dataset === 'ivr_calls');
    expect(new Set(some.map(({ event }) => event['customer_id']))).toEqual(new Set([11, 13]));
  });

  test('70 % of the transferred calls have a survey, 1 to 60 minutes after the last leg, score 1 to 10', () => {
    expect(share(surveys.length, legsOf.size)).toBeCloseTo(0.7, 1.3);
    expect(new Set(surveys.map((survey) => survey['call_id'])).size).toBe(surveys.length);
    expect(new Set(surveys.map((survey) => survey['score'])).size).toBe(10);
    expect(Math.min(...surveys.map((survey) => Number(survey['score'])))).toBe(1);
    for (const survey of surveys) {
      const last = legsOf.get(survey['call_id'])?.at(-1)?.['ended_at'];
      const afterUs = Number(survey['sent_at']) - Number(last);
      expect(afterUs >= MINUTE_US && afterUs <= 60 * MINUTE_US).toBe(true);
      expect(survey['produced_at']).toBe(survey['sent_at']);
    }
  });
});
