import { faker as locale } from '@faker-js/faker/locale/base';
import type { Faker } from '@faker-js/faker';
import type { GeneratedEvent, TickOptions } from './producer.ts';
import { seededFaker } from './seeded-faker.ts';

export const TICK_MS = 120_000;
export const CALLS_A_TICK = { min: 8, max: 30 };
export const OPTION_CODES = 'EMP CRT FIN COB INF SEG BO2 CAD LIM BLO TRS SEN INV PIX'.split(' ');
export const AREAS = ['Cards', 'Financing', 'Collections', 'Relationship'] as const;
const CUSTOMERS = 10_000;
const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;

/** Events of ticks that follow each other, by domain section 1: lazily, one tick in memory. */
export function* tickEvents(options: TickOptions): Generator<GeneratedEvent, void, undefined> {
  const faker = seededFaker(locale, options.seed);
  for (let tick = 0; tick < options.ticks; tick++) {
    const startMs = options.fromMs + tick * TICK_MS;
    // A tick is a function of the seed and its time alone, so that runs that begin elsewhere make other calls.
    faker.seed([options.seed, Math.floor(startMs / 2 ** 32), startMs % 2 ** 32]);
    const calls = faker.number.int({ min: CALLS_A_TICK.min, max: options.callsMaxAt?.(startMs) ?? CALLS_A_TICK.max });
    for (let call = 0; call < calls; call++) yield* callEvents(faker, startMs, options);
  }
}

interface Call {
  readonly callId: string;
  readonly customerId: number;
  readonly startedUs: number;
  readonly endedUs: number;
}

function* callEvents(faker: Faker, tickMs: number, options: TickOptions): Generator<GeneratedEvent> {
  const startedUs = tickMs * 1000 + faker.number.int({ min: 0, max: TICK_MS * 1000 - 1 });
  const call: Call = {
    callId: uuid(faker),
    customerId: options.customerIds
      ? pick(faker, options.customerIds)
      : faker.number.int({ min: 1, max: options.customers ?? CUSTOMERS }),
    startedUs,
    endedUs: startedUs + faker.number.int({ min: 2 * MINUTE_US, max: 5 * MINUTE_US }),
  };
  const transferred = chance(faker, 0.3);
  yield ivrCall(faker, call, transferred);
  if (!transferred) return;
  let endedUs = call.endedUs;
  for (const agentId of distinct(faker, options.agentIds, faker.number.int({ min: 1, max: 7 }))) {
    const startUs = endedUs;
    endedUs += faker.number.int({ min: 0, max: 5 * MINUTE_US });
    yield callLeg(faker, call, agentId, startUs, endedUs);
  }
  if (chance(faker, 0.7)) yield survey(faker, call, endedUs);
}

function ivrCall(faker: Faker, call: Call, transferred: boolean): GeneratedEvent {
  const optionCode = pick(faker, OPTION_CODES);
  return event('ivr_calls', faker, call, call.endedUs, {
    call_id: call.callId,
    customer_id: call.customerId,
    started_at: timestampText(call.startedUs),
    ended_at: timestampText(call.endedUs),
    authenticated: chance(faker, 0.85),
    options_navigated: faker.number.int({ min: 1, max: 10 }),
    option_code: optionCode,
    transferred,
    queue_id: `IVR_${optionCode}`,
  });
}

function callLeg(faker: Faker, call: Call, agentId: number, startedUs: number, endedUs: number): GeneratedEvent {
  return event('call_legs', faker, call, endedUs, {
    call_id: call.callId,
    leg_id: uuid(faker),
    customer_id: call.customerId,
    agent_id: agentId,
    started_at: timestampText(startedUs),
    ended_at: timestampText(endedUs),
    area: pick(faker, AREAS),
  });
}

function survey(faker: Faker, call: Call, lastLegEndedUs: number): GeneratedEvent {
  const sentUs = lastLegEndedUs + faker.number.int({ min: MINUTE_US, max: 60 * MINUTE_US });
  return event('surveys', faker, call, sentUs, {
    survey_id: uuid(faker),
    call_id: call.callId,
    sent_at: timestampText(sentUs),
    score: faker.number.int({ min: 1, max: 10 }),
  });
}

function event(
  dataset: string,
  faker: Faker,
  call: Call,
  producedUs: number,
  fields: Record<string, unknown>,
): GeneratedEvent {
  const head = { event_id: uuid(faker), produced_at: timestampText(producedUs) };
  return { dataset, event: { ...head, ...fields }, partitionKey: call.callId };
}

/** RFC 3339 in UTC with six digits of a second. */
export function timestampText(microseconds: number): string {
  const ms = Math.floor(microseconds / 1000);
  const rest = String(microseconds - ms * 1000).padStart(3, '0');
  return `${new Date(ms).toISOString().slice(0, -1)}${rest}Z`;
}

function chance(faker: Faker, probability: number): boolean {
  return faker.number.float() < probability;
}

function pick<T>(faker: Faker, among: readonly T[]): T {
  return among[faker.number.int({ min: 0, max: among.length - 1 })] as T;
}

/** At most `count` different ones, each set of them as likely as any other. */
function distinct(faker: Faker, among: readonly number[], count: number): readonly number[] {
  const chosen = new Set<number>();
  const wanted = Math.min(count, among.length);
  // Robert Floyd's way: as many draws as numbers wanted, whatever is drawn twice.
  for (let last = among.length - wanted; last < among.length; last++) {
    const index = faker.number.int({ min: 0, max: last });
    chosen.add(chosen.has(index) ? last : index);
  }
  return faker.helpers.shuffle([...chosen]).map((index) => among[index] as number);
}

/** Version 4. A quarter of what faker's own costs, which matters at forty throughput units. */
function uuid(faker: Faker): string {
  const words = [0, 0, 0, 0].map(() => faker.number.int({ min: 0, max: 0xffff_ffff }));
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  const groups = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20),
  ];
  return groups.join('-');
}
