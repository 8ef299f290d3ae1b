import { expect, test } from 'vitest';
import { type GeneratedEvent, generateBusinessDay } from '../../../src/producer/producer.ts';

const calls = (events: readonly GeneratedEvent[]): number[] =>
  events.filter(({ dataset }) => dataset === 'ivr_calls').map(({ event }) => Date.parse(String(event['started_at'])));
const range = (times: readonly number[]): string[] =>
  [Math.min(...times), Math.max(...times)].map((time) => `${new Date(time).toISOString().slice(0, 15)}0`);

const day = [...generateBusinessDay({ date: '2026-01-05', seed: 1 })];

const between = (fromHour: number, toHour: number): number =>
  calls(day).filter((time) => time >= Date.UTC(2026, 0, 5, fromHour) && time < Date.UTC(2026, 0, 5, toHour)).length;

test('a day has 5,000 to 10,000 calls, from 06:00 to 22:00 in São Paulo', () => {
  const times = calls(day);
  expect(times.length).toBeGreaterThan(5000);
  expect(times.length).toBeLessThan(10_000);
  expect(range(times)).toEqual(['2026-01-05T09:00', '2026-01-06T00:50']);
});

test('the morning is busier than the evening', () => {
  expect(between(13, 14)).toBeGreaterThan(1.5 * between(9, 10));
  expect(between(13, 14)).toBeGreaterThan(1.3 * between(23, 24));
});

test('the same date gives the same day, another date or seed another one', () => {
  expect([...generateBusinessDay({ date: '2026-01-05', seed: 1 })]).toEqual(day);
  const ids = new Set(day.map(({ event }) => event['event_id']));
  const others = [
    ...generateBusinessDay({ date: '2026-01-06', seed: 1 }),
    ...generateBusinessDay({ date: '2026-01-05', seed: 2 }),
  ];
  expect(others.filter(({ event }) => ids.has(event['event_id']))).toEqual([]);
});

test('a day that follows a change of the clocks begins at 06:00 all the same', () => {
  const inNewYork = calls([...generateBusinessDay({ date: '2026-03-08', seed: 1, timeZone: 'America/New_York' })]);
  expect(range(inNewYork)).toEqual(['2026-03-08T10:00', '2026-03-09T01:50']);
  const inKolkata = calls([...generateBusinessDay({ date: '2026-03-08', seed: 1, timeZone: 'Asia/Kolkata' })]);
  expect(range(inKolkata)).toEqual(['2026-03-08T00:30', '2026-03-08T16:20']);
});
