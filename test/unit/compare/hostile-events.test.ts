import { expect, test } from 'vitest';
import { hostileEvents } from '../../../src/compare/hostile-events.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { judge } from '../../../src/silver/judge.ts';

const stream = (events: number, seed: number) => [...hostileEvents({ events, seed })];

test('the same seed gives the same events, another one others', () => {
  const bodies = (seed: number): string =>
    stream(300, seed)
      .map(({ body }) => Buffer.from(body).toString('hex'))
      .join();
  expect(bodies(5)).toBe(bodies(5));
  expect(bodies(5)).not.toBe(bodies(6));
});

test('a stream holds each reason of each kind, and mostly events that are good', () => {
  const reasons = new Map<string, number>();
  const events = stream(20_000, 1);
  for (const { dataset, body } of events) {
    const contract = callCentre.datasets.find(({ name }) => name === dataset);
    if (contract === undefined) throw new Error(dataset);
    const verdict = judge(contract, body);
    const reason = verdict.accepted ? 'accepted' : (verdict.reason.split(':')[0] ?? '');
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  expect([...reasons.keys()].toSorted()).toEqual(
    ['accepted', 'ends_before_start', 'missing', 'not_json', 'not_object', 'not_utf8', 'range', 'type'].toSorted(),
  );
  expect(reasons.get('accepted')).toBeGreaterThan(0.9 * events.length);
});
