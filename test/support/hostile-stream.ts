import { randomFrom, type Random } from '../../src/compare/random.ts';
import type { Arrival, EventValue, Row } from './slow-model.ts';

export { randomFrom, type Random } from '../../src/compare/random.ts';

/**
 * Small hostile streams for the property tests: few calls, customers and agents, so that keys collide, events are
 * re-sent, corrected, moved to another day and tied in every way; some bodies are no events.
 */
export interface HostileStream {
  readonly timeZone: string;
  /** In the order of each partition's sequence numbers. */
  readonly arrivals: readonly Arrival[];
  /** Versions of the dimension, the last one is the final. */
  readonly agents: readonly (readonly Row[])[];
}

/** Zones and instants where days are odd: 23 and 25 hours, midnight skipped, a whole day skipped. */
const PLACES: readonly (readonly [timeZone: string, around: string])[] = [
  ['America/Sao_Paulo', '2026-03-10T00:00:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00:00Z'],
  ['America/New_York', '2026-03-08T05:00:00Z'],
  ['America/New_York', '2026-11-01T04:00:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['Asia/Kolkata', '2026-01-31T18:30:00Z'],
  ['UTC', '2000-01-04T00:00:00Z'],
];

const HOUR_US = 3_600_000_000n;
const PARTITIONS = 3;
// The second and third are in another order by code point than by UTF-16 unit.
const LEG_IDS = ['a', '\u{1F600}', '\uFF5E', 'é'];
const AREAS = ['Cards', 'Financing', 'cards'];
const QUEUES = ['IVR_EMP', 'IVR_CRT', 'IVR_ã'];
const REJECTED: readonly (readonly [body: string | null, reason: string])[] = [
  [null, 'not_utf8'],
  ['', 'not_json'],
  [' \n', 'not_json'],
  ['\uFEFF{}', 'not_json'],
  ['{"a":1}\u0000', 'not_json'],
  ['{"a":1,"a":2}', 'not_json'],
  ['[{}]', 'not_object'],
  ['{}', 'missing:event_id'],
  ['{"event_id":5}', 'type:event_id'],
  ['{"event_id":""}', 'range:event_id'],
  ['{"event_id":"e","produced_at":"2026-02-30T00:00:00Z"}', 'range:produced_at'],
];

export function hostileStream(seed: number): HostileStream {
  const random = randomFrom(seed);
  const [timeZone, around] = random.pick(PLACES);
  const aroundUs = BigInt(Date.parse(around)) * 1000n;
  const sequence = new Map<string, number>();
  const arrivals: Arrival[] = [];
  // Where calls have few legs, a leg's neighbours are other calls on other days.
  const calls = random.pick([6, 6, 60]);
  const count = random.chance(0.5) ? 8 + random.below(12) : 25 + random.below(60);
  for (let at = 0; at < count; at++) {
    const dataset = random.pick(['ivr_calls', 'call_legs', 'call_legs', 'call_legs', 'surveys'] as const);
    const partitionId = random.below(PARTITIONS);
    const place = `${dataset}/${partitionId}`;
    const sequenceNumber = sequence.get(place) ?? 0;
    sequence.set(place, sequenceNumber + 1);
    const enqueuedAtUs = aroundUs + BigInt(random.below(4)) * 1_000_000n;
    const again = arrivals.filter((arrival) => arrival.dataset === dataset);
    const content =
      again.length > 0 && random.chance(0.15) ? random.pick(again) : contentOf(random, dataset, aroundUs, calls);
    arrivals.push({ ...content, dataset, partitionId, sequenceNumber, enqueuedAtUs });
  }
  return { timeZone, arrivals, agents: [agentVersion(random), agentVersion(random), agentVersion(random)] };
}

type Content = Pick<Arrival, 'body' | 'verdict'>;

function contentOf(random: Random, dataset: Arrival['dataset'], aroundUs: bigint, calls: number): Content {
  if (random.chance(0.08)) {
    const [body, reason] = random.pick(REJECTED);
    return { body, verdict: { reason } };
  }
  const event = eventOf(random, dataset, aroundUs, calls);
  if (dataset !== 'surveys' && random.chance(0.03)) {
    const reversed = { ...event, ended_at: startedAt(event) - 1n };
    return { body: bodyOf(random, reversed), verdict: { reason: 'ends_before_start' } };
  }
  return { body: bodyOf(random, event), verdict: { event } };
}

function eventOf(
  random: Random,
  dataset: Arrival['dataset'],
  aroundUs: bigint,
  calls: number,
): Record<string, EventValue> {
  const head = {
    event_id: `e${random.below(1000)}`,
    produced_at: aroundUs + BigInt(random.below(4)) * 1_000_000n,
  };
  const callId = `c${random.below(calls)}`;
  // Multiples of 12 hours, a microsecond off now and then: 86,400 seconds are met exactly, and missed by one.
  const start = aroundUs + BigInt(random.below(7) - 3) * 12n * HOUR_US + BigInt(random.below(3) - 1);
  const end = start + random.pick([0n, 1n, 5_000n, 90_000_000n, 333_333n, 7_000_001n, 3n * HOUR_US]);
  if (dataset === 'surveys') {
    return { ...head, survey_id: `s${random.below(5)}`, call_id: callId, sent_at: end, score: random.below(11) };
  }
  const span = { customer_id: 1 + random.below(2), started_at: start, ended_at: end };
  if (dataset === 'call_legs') {
    const leg = { leg_id: random.pick(LEG_IDS), agent_id: 1 + random.below(4), area: random.pick(AREAS) };
    return { ...head, call_id: callId, ...span, ...leg };
  }
  return {
    ...head,
    call_id: callId,
    ...span,
    authenticated: random.chance(0.5),
    options_navigated: random.below(12),
    option_code: 'EMP',
    transferred: random.chance(0.5),
    queue_id: random.pick(QUEUES),
  };
}

function startedAt(event: Readonly<Record<string, EventValue>>): bigint {
  return event['started_at'] as bigint;
}

function bodyOf(random: Random, event: Readonly<Record<string, EventValue>>): string {
  const members = Object.entries(event).map(([name, value]) => {
    const text = typeof value === 'bigint' ? timestampText(random, value) : value;
    return `${JSON.stringify(name)}:${JSON.stringify(text)}`;
  });
  if (random.chance(0.1)) members.splice(random.below(members.length), 0, '"surplus":{"deep":[1,2]}');
  return `{${members.join(random.pick([',', ' , ']))}}`;
}

function timestampText(random: Random, us: bigint): string {
  const offsetMinutes = random.pick([0, -180, 330, 1439]);
  const seconds = new Date(Number(us / 1_000_000n) * 1000 + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const fraction = `.${String(us % 1_000_000n).padStart(6, '0')}${random.pick(['', '9', '999'])}`;
  const size = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? '-' : '+';
  return `${seconds}${fraction}${offsetMinutes === 0 ? 'Z' : `${sign}${two(size / 60)}:${two(size % 60)}`}`;
}

function two(value: number): string {
  return String(Math.trunc(value)).padStart(2, '0');
}

function agentVersion(random: Random): Row[] {
  return [1, 2, 3]
    .filter(() => random.chance(0.8))
    .map((id) => ({
      agent_id: String(id),
      agent_name: random.pick(['Ana', 'Bia', 'Caio']),
      area: random.pick(AREAS),
      supervisor_name: random.pick(['Sol', null]),
      coordinator_name: 'Cid',
      manager_name: 'Max',
      superintendent_name: 'Sue',
    }));
}
