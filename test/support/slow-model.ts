/**
 * Silver and gold by docs/domain.md sections 3 and 4, as slow and as plain as can be: the oracle of the property
 * tests. It shares no code with the engine. Every value is text or null; instants are microseconds.
 */
export type Row = Record<string, string | null>;

export interface Arrival {
  readonly dataset: 'ivr_calls' | 'call_legs' | 'surveys';
  readonly partitionId: number;
  readonly sequenceNumber: number;
  readonly enqueuedAtUs: bigint;
  /** What arrived. Null stands for bytes that are not UTF-8. */
  readonly body: string | null;
  /** What whoever made the body knows of it. */
  readonly verdict: { readonly event: Readonly<Record<string, EventValue>> } | { readonly reason: string };
}

/** Instants are bigints, in microseconds. */
export type EventValue = string | number | boolean | bigint;

export interface Lake {
  readonly ivr_calls: readonly Row[];
  readonly call_legs: readonly Row[];
  readonly surveys: readonly Row[];
  readonly rejected_events: readonly Row[];
  readonly agent_daily: readonly Row[];
  readonly queue_daily: readonly Row[];
  /** Accepted events that are no row's, by dataset. */
  readonly superseded: Readonly<Record<string, number>>;
}

type Event = Record<string, EventValue> & { enqueued_at: bigint; partition_id: number; sequence_number: number };

const KEYS = { ivr_calls: ['call_id'], call_legs: ['call_id', 'leg_id'], surveys: ['survey_id'] } as const;
const DAY_US = 86_400_000_000n;

export function slowLake(arrivals: readonly Arrival[], agents: readonly Row[], timeZone: string): Lake {
  const dayOf = dayIn(timeZone);
  const winners = (dataset: Arrival['dataset']): Event[] => winnersOf(arrivals, dataset);
  const [calls, legs, surveys] = [winners('ivr_calls'), winners('call_legs'), winners('surveys')];
  const flags = transferFlags(legs);
  const accepted = (dataset: string): number =>
    arrivals.filter((arrival) => arrival.dataset === dataset && 'event' in arrival.verdict).length;
  return {
    ivr_calls: calls.map((event) => ({ ...texts(event), ...span(event, dayOf) })),
    call_legs: legs.map((event) => ({ ...texts(event), ...span(event, dayOf), ...texts(present(flags.get(event))) })),
    surveys: surveys.map((event) => {
      const day = dayOf(instant(event, 'sent_at'));
      return { ...texts(event), sent_date: day, period: period(day) };
    }),
    rejected_events: arrivals.flatMap(rejectedRow),
    agent_daily: agentDaily(legs, surveys, flags, agents, dayOf),
    queue_daily: queueDaily(calls, legs, flags, dayOf),
    superseded: {
      ivr_calls: accepted('ivr_calls') - calls.length,
      call_legs: accepted('call_legs') - legs.length,
      surveys: accepted('surveys') - surveys.length,
    },
  };
}

/** Code points, as the domain orders strings; JavaScript's own order is by UTF-16 unit. */
export function compareText(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** numerator / denominator to two places, half away from zero; null where the denominator is 0. */
export function slowRatio(numerator: bigint, denominator: bigint): string | null {
  if (denominator === 0n) return null;
  const magnitude = numerator < 0n ? -numerator : numerator;
  let hundredths = (magnitude * 100n) / denominator;
  const remainder = (magnitude * 100n) % denominator;
  if (remainder * 2n >= denominator) hundredths += 1n;
  const sign = numerator < 0n && hundredths > 0n ? '-' : '';
  return `${sign}${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`;
}

export function dayIn(timeZone: string): (us: bigint) => string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return (us) => format.format(new Date(Number(us / 1000n)));
}

function winnersOf(arrivals: readonly Arrival[], dataset: Arrival['dataset']): Event[] {
  const rows = new Map<string, Event>();
  for (const arrival of arrivals) {
    if (arrival.dataset !== dataset || !('event' in arrival.verdict)) continue;
    const event: Event = {
      ...arrival.verdict.event,
      enqueued_at: arrival.enqueuedAtUs,
      partition_id: arrival.partitionId,
      sequence_number: arrival.sequenceNumber,
    };
    const key = JSON.stringify(KEYS[dataset].map((column) => event[column]));
    const other = rows.get(key);
    if (other === undefined || beats(event, other)) rows.set(key, event);
  }
  return [...rows.values()];
}

function beats(one: Event, other: Event): boolean {
  const [produced, otherProduced] = [instant(one, 'produced_at'), instant(other, 'produced_at')];
  if (produced !== otherProduced) return produced > otherProduced;
  if (one.enqueued_at !== other.enqueued_at) return one.enqueued_at < other.enqueued_at;
  if (one.partition_id !== other.partition_id) return one.partition_id < other.partition_id;
  return one.sequence_number < other.sequence_number;
}

type Flags = Map<Event, { is_transfer: boolean; is_improper_transfer: boolean }>;

function transferFlags(legs: readonly Event[]): Flags {
  const flags: Flags = new Map();
  for (const leg of legs) {
    const later = legs
      .filter((other) => other['call_id'] === leg['call_id'] && compareLegs(other, leg) > 0)
      .toSorted(compareLegs);
    const next = later[0];
    flags.set(leg, { is_transfer: next !== undefined, is_improper_transfer: next?.['area'] === leg['area'] });
  }
  return flags;
}

function compareLegs(a: Event, b: Event): number {
  return (
    Number(instant(a, 'started_at') - instant(b, 'started_at')) ||
    Number(instant(a, 'ended_at') - instant(b, 'ended_at')) ||
    compareText(text(a, 'call_id'), text(b, 'call_id')) ||
    compareText(text(a, 'leg_id'), text(b, 'leg_id'))
  );
}

function isFollowedByRepeatCall(leg: Event, legs: readonly Event[]): boolean {
  const next = legs
    .filter((other) => other['customer_id'] === leg['customer_id'] && compareLegs(other, leg) > 0)
    .toSorted(compareLegs)[0];
  if (next === undefined || next['call_id'] === leg['call_id']) return false;
  return instant(next, 'started_at') - instant(leg, 'started_at') <= DAY_US;
}

function scoreOf(callId: EventValue | undefined, surveys: readonly Event[]): number | undefined {
  const latest = surveys
    .filter((survey) => survey['call_id'] === callId)
    .toSorted(
      (a, b) =>
        Number(instant(b, 'sent_at') - instant(a, 'sent_at')) ||
        compareText(text(b, 'survey_id'), text(a, 'survey_id')),
    )[0];
  return latest === undefined ? undefined : Number(latest['score']);
}

function agentDaily(
  legs: readonly Event[],
  surveys: readonly Event[],
  flags: Flags,
  agents: readonly Row[],
  dayOf: (us: bigint) => string,
): Row[] {
  return groups(legs, (leg) => `${dayOf(instant(leg, 'started_at'))}|${String(leg['agent_id'])}`).map((own) => {
    const first = present(own[0]);
    const day = dayOf(instant(first, 'started_at'));
    const agent = agents.find((row) => row['agent_id'] === String(first['agent_id']));
    const scores = own.map((leg) => scoreOf(leg['call_id'], surveys)).filter((score) => score !== undefined);
    const handled = BigInt(own.length);
    const transfers = count(own, (leg) => flags.get(leg)?.is_transfer === true);
    const improper = count(own, (leg) => flags.get(leg)?.is_improper_transfer === true);
    const repeats = count(own, (leg) => isFollowedByRepeatCall(leg, legs));
    const promoters = count(scores, (score) => score >= 6);
    const neutrals = count(scores, (score) => score === 5);
    const detractors = count(scores, (score) => score <= 4);
    return {
      period: period(day),
      date: day,
      agent_id: String(first['agent_id']),
      agent_name: agent?.['agent_name'] ?? null,
      agent_area: agent?.['area'] ?? null,
      supervisor_name: agent?.['supervisor_name'] ?? null,
      coordinator_name: agent?.['coordinator_name'] ?? null,
      manager_name: agent?.['manager_name'] ?? null,
      superintendent_name: agent?.['superintendent_name'] ?? null,
      handled_legs: String(handled),
      transfers: String(transfers),
      transfer_pct: slowRatio(100n * transfers, handled),
      improper_transfers: String(improper),
      improper_transfer_pct: slowRatio(100n * improper, handled),
      repeat_calls: String(repeats),
      repeat_call_pct: slowRatio(100n * repeats, handled),
      average_handle_seconds: slowRatio(durationUs(own), 1_000_000n * handled),
      promoters: String(promoters),
      neutrals: String(neutrals),
      detractors: String(detractors),
      nps: slowRatio(100n * (promoters - detractors), promoters + neutrals + detractors),
    };
  });
}

function queueDaily(
  calls: readonly Event[],
  legs: readonly Event[],
  flags: Flags,
  dayOf: (us: bigint) => string,
): Row[] {
  return groups(calls, (call) => `${dayOf(instant(call, 'started_at'))}|${text(call, 'queue_id')}`).map((own) => {
    const first = present(own[0]);
    const day = dayOf(instant(first, 'started_at'));
    const theirs = legs.filter((leg) => own.some((call) => call['call_id'] === leg['call_id']));
    const stayed = own.filter((call) => call['transferred'] === false);
    const moved = own.filter((call) => call['transferred'] === true);
    return {
      period: period(day),
      date: day,
      queue_id: text(first, 'queue_id'),
      calls: String(own.length),
      average_options: slowRatio(options(own), BigInt(own.length)),
      average_options_self_service: slowRatio(options(stayed), BigInt(stayed.length)),
      average_options_transferred: slowRatio(options(moved), BigInt(moved.length)),
      authenticated_calls: String(count(own, (call) => call['authenticated'] === true)),
      transferred_calls: String(moved.length),
      human_legs: String(theirs.length),
      transfers: String(count(theirs, (leg) => flags.get(leg)?.is_transfer === true)),
      improper_transfers: String(count(theirs, (leg) => flags.get(leg)?.is_improper_transfer === true)),
      average_leg_seconds: slowRatio(durationUs(theirs), 1_000_000n * BigInt(theirs.length)),
    };
  });
}

function rejectedRow(arrival: Arrival): Row[] {
  if (!('reason' in arrival.verdict)) return [];
  return [
    {
      dataset: arrival.dataset,
      partition_id: String(arrival.partitionId),
      sequence_number: String(arrival.sequenceNumber),
      enqueued_at: String(arrival.enqueuedAtUs),
      reason: arrival.verdict.reason,
      body: arrival.body,
    },
  ];
}

function span(event: Event, dayOf: (us: bigint) => string): Row {
  const start = dayOf(instant(event, 'started_at'));
  return { start_date: start, end_date: dayOf(instant(event, 'ended_at')), period: period(start) };
}

function period(day: string): string {
  return day.slice(0, 4) + day.slice(5, 7);
}

function durationUs(legs: readonly Event[]): bigint {
  return legs.reduce((sum, leg) => sum + instant(leg, 'ended_at') - instant(leg, 'started_at'), 0n);
}

function options(calls: readonly Event[]): bigint {
  return calls.reduce((sum, call) => sum + BigInt(Number(call['options_navigated'])), 0n);
}

function count<T>(items: readonly T[], holds: (item: T) => boolean): bigint {
  return BigInt(items.filter(holds).length);
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()];
}

function instant(event: Event, name: string): bigint {
  const value = event[name];
  if (typeof value !== 'bigint') throw new Error(`${name} is no instant`);
  return value;
}

function text(event: Event, name: string): string {
  return String(event[name]);
}

function texts(event: Readonly<Record<string, EventValue>>): Row {
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, String(value)]));
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('absent');
  return value;
}
