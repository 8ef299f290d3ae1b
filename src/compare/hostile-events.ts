import { generateTicks, type GeneratedEvent } from '../producer/producer.ts';
import type { OutgoingEvent } from '../eventhubs/eventhubs.ts';
import { hostileBody, oddBody } from './hostile-bodies.ts';
import { randomFrom, type Random } from './random.ts';

export interface HostileEvent extends OutgoingEvent {
  readonly dataset: string;
}

export interface HostileOptions {
  readonly events: number;
  readonly seed: number;
}

const FROM = '2026-03-05T20:00:00Z';
/** Of these, the last ten stand in no dimension. */
const AGENTS = 1010;
const EVENTS_A_CUSTOMER = 60;
const HOUR_US = 3_600_000_000;
/** Events that later ones may send again or correct. */
const REMEMBERED_MAX = 5000;
/** The keys that events are sent under: the same key goes to the same partition. */
const KEYS = 61;
const SHARES = {
  again: 0.03,
  corrected: 0.05,
  hostile: 0.06,
  odd: 0.06,
  large: 0.0005,
  keyless: 0.05,
  properties: 0.1,
};

/**
 * Calls of few customers as the producer makes them, with everything that a stream has in store: events sent again,
 * corrected, corrected by an older version, told twice at the same instant in two ways, moved to another day, written
 * in odd ways, and such that are no events.
 */
export function* hostileEvents({ events, seed }: HostileOptions): Generator<HostileEvent, void, undefined> {
  const random = randomFrom(seed);
  const source = generateTicks({
    seed,
    fromMs: Date.parse(FROM),
    ticks: Infinity,
    agentIds: Array.from({ length: AGENTS }, (_, index) => index + 1),
    customers: Math.max(3, Math.floor(events / EVENTS_A_CUSTOMER)),
  })[Symbol.iterator]();
  const remembered: GeneratedEvent[] = [];
  const sent: HostileEvent[] = [];
  for (let count = 0; count < events; count++) {
    if (sent.length > 0 && random.chance(SHARES.again)) {
      yield random.pick(sent);
      continue;
    }
    const corrects = remembered.length > 0 && random.chance(SHARES.corrected);
    const event = corrects ? correction(random.pick(remembered), random) : (source.next().value as GeneratedEvent);
    const outgoing = toSend(event, random);
    keep(remembered, event, random);
    keep(sent, outgoing, random);
    yield outgoing;
  }
}

function toSend({ dataset, event, partitionKey }: GeneratedEvent, random: Random): HostileEvent {
  const call = Number.parseInt(partitionKey.slice(0, 8), 16) % KEYS;
  return {
    dataset,
    body: bodyOf(event, random),
    ...(random.chance(SHARES.keyless)
      ? {}
      : { partitionKey: random.chance(0.02) ? `ü ${call} \u{1f600}` : `key ${call}` }),
    ...(random.chance(SHARES.properties) ? { properties: properties(random) } : {}),
  };
}

function bodyOf(event: GeneratedEvent['event'], random: Random): Uint8Array {
  if (random.chance(SHARES.hostile)) return hostileBody(event, random);
  if (random.chance(SHARES.odd)) return oddBody(event, random);
  if (random.chance(SHARES.large)) return Buffer.from(JSON.stringify({ ...event, large: 'Lorem ipsum '.repeat(6000) }));
  return Buffer.from(JSON.stringify(event));
}

/** Another version of an event: newer, older or as old, with other values. */
function correction({ dataset, event, partitionKey }: GeneratedEvent, random: Random): GeneratedEvent {
  const changed: Record<string, unknown> = {
    ...event,
    event_id: `${String(event['event_id']).slice(0, 30)}-${random.below(1000)}`,
    produced_at: shifted(event['produced_at'], random.pick([1, 1, HOUR_US, 30 * HOUR_US, 0, 0, -1, -HOUR_US])),
  };
  if ('started_at' in event && random.chance(0.5)) {
    const byUs = random.pick([24 * HOUR_US, -24 * HOUR_US, 3 * HOUR_US, 1, -1, 0]);
    changed['started_at'] = shifted(event['started_at'], byUs);
    changed['ended_at'] = shifted(event['ended_at'], byUs + random.pick([0, 0, 1, 5_000, 400 * HOUR_US, -2 * HOUR_US]));
  }
  if ('customer_id' in event && random.chance(0.2)) changed['customer_id'] = 1 + random.below(5);
  if ('area' in event) changed['area'] = random.pick(['Cards', 'cards', 'Financing', 'Cobrança']);
  if ('agent_id' in event && random.chance(0.3)) changed['agent_id'] = 1 + random.below(AGENTS);
  if ('transferred' in event) changed['transferred'] = random.chance(0.5);
  if ('queue_id' in event && random.chance(0.3))
    changed['queue_id'] = random.pick(['IVR_EMP', 'ivr_emp', 'IVR_\u{1f600}']);
  if ('score' in event) changed['score'] = random.below(11);
  if ('survey_id' in event && random.chance(0.3)) changed['survey_id'] = random.pick(['\u{1f600}', '\uff5e', 'a']);
  if ('leg_id' in event && random.chance(0.3)) changed['leg_id'] = random.pick(['\u{1f600}', '\uff5e', 'é', 'a']);
  return { dataset, event: changed, partitionKey };
}

/** An instant in another of the forms that mean it. */
function shifted(instant: unknown, byUs: number): string {
  const text = String(instant);
  const us = BigInt(Date.parse(text)) * 1000n + BigInt(text.slice(23, 26).padEnd(3, '0')) + BigInt(byUs);
  const iso = new Date(Number(us / 1000n)).toISOString().slice(0, -1);
  return `${iso}${String(us % 1000n).padStart(3, '0')}Z`;
}

function properties(random: Random): Readonly<Record<string, string | number | boolean>> {
  const all = {
    source: 'ivr',
    attempt: 1 + random.below(3),
    ratio: 0.5,
    test: random.chance(0.5),
    'n\u{1f600}me "quoted"': 'a "text" \\ \n \u{1f600} é',
    '\uff5e': '',
    A: -7,
    // Spark's connector takes it for a number: see DIFFERENCES.md.
    code: '5',
  };
  return Object.fromEntries(Object.entries(all).filter(() => random.chance(0.5)));
}

function keep<T>(kept: T[], item: T, random: Random): void {
  if (kept.length < REMEMBERED_MAX) kept.push(item);
  else kept[random.below(REMEMBERED_MAX)] = item;
}
