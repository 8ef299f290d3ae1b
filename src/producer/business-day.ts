import { CALLS_A_TICK, TICK_MS, tickEvents } from './generate.ts';
import type { BusinessDayOptions, GeneratedEvent } from './producer.ts';

const TIME_ZONE = 'America/Sao_Paulo';
const AGENTS = 1000;
const HOUR_MS = 3_600_000;
const OPENS_AT = 6;
const CLOSES_AT = 22;

/** Share of the most calls a tick may have, by the hour: a peak before noon, a smaller one in the afternoon. */
const CURVE = [
  0, 0, 0, 0, 0, 0, 0.1, 0.3, 0.6, 0.9, 1, 0.95, 0.7, 0.75, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.25, 0.1, 0, 0,
];

/** The calls that begin from 06:00 to 22:00 of the day in the time zone, and their legs and surveys. */
export function businessDayEvents(options: BusinessDayOptions): Iterable<GeneratedEvent> {
  const timeZone = options.timeZone ?? TIME_ZONE;
  const fromMs = localTimeMs(options.date, OPENS_AT, timeZone);
  return tickEvents({
    seed: options.seed,
    fromMs,
    ticks: Math.floor((localTimeMs(options.date, CLOSES_AT, timeZone) - fromMs) / TICK_MS),
    agentIds: options.agentIds ?? Array.from({ length: AGENTS }, (_, index) => index + 1),
    callsMaxAt: (tickMs) => callsMax(Math.floor((tickMs - fromMs) / HOUR_MS) + OPENS_AT),
  });
}

function callsMax(hour: number): number {
  return CALLS_A_TICK.min + Math.round((CALLS_A_TICK.max - CALLS_A_TICK.min) * (CURVE[hour] ?? 0));
}

/** The instant at which clocks in the zone show the hour; the zone's changes lie at night, far from ours. */
function localTimeMs(date: string, hour: number, timeZone: string): number {
  const shownMs = Date.parse(`${date}T${String(hour).padStart(2, '0')}:00:00Z`);
  return shownMs - offsetMs(shownMs - offsetMs(shownMs, timeZone), timeZone);
}

function offsetMs(instantMs: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const part = Object.fromEntries(format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]));
  const shown = [part['year'], part['month'], part['day'], part['hour'], part['minute'], part['second']] as number[];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - instantMs;
}
