import type { AgentRow } from '../../schemas/agents.ts';
import type { CustomerRow } from '../../schemas/customers.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { EventSink, OutgoingEvent } from '../eventhubs/eventhubs.ts';
import { businessDayEvents } from './business-day.ts';
import { agentRows, customerRows } from './dimensions.ts';
import { encode } from './encode.ts';
import { tickEvents } from './generate.ts';
import { send } from './send.ts';

/**
 * The synthetic call centre: generate → encode → send (domain section 1). The same seed gives the same events and
 * rows. Knows no table: dimensions are made here and loaded elsewhere, so that this also runs in a Function.
 */
export interface GeneratedEvent {
  /** Dataset that it is an event of; the sink decides on the hub. */
  readonly dataset: string;
  readonly event: Readonly<Record<string, unknown>>;
  /** The call's id: all of a call goes to one partition of each hub. */
  readonly partitionKey: string;
}

export interface TickOptions {
  readonly seed: number;
  /** Start of the first tick, milliseconds since 1970; each lasts two minutes. */
  readonly fromMs: number;
  /** Infinity: on and on. */
  readonly ticks: number;
  readonly agentIds: readonly number[];
  /** Who calls; default 1..`customers`. */
  readonly customerIds?: readonly number[];
  /** Default 10,000. */
  readonly customers?: number;
  /** The most calls of the tick that starts then; default 30. */
  readonly callsMaxAt?: (tickMs: number) => number;
}

export interface BusinessDayOptions {
  /** YYYY-MM-DD, a day in the time zone. */
  readonly date: string;
  readonly seed: number;
  /** IANA, default America/Sao_Paulo. */
  readonly timeZone?: string;
  /** Default 1..1000. */
  readonly agentIds?: readonly number[];
}

export interface ProduceOptions {
  readonly events: Iterable<GeneratedEvent>;
  readonly sinks: (dataset: string) => EventSink;
  /** Default: as fast as the sinks take them. */
  readonly ratePerSecond?: number;
  /** Default: until the events end. */
  readonly durationMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ProduceResult {
  /** Events the sinks have taken, by dataset. */
  readonly sent: Readonly<Record<string, number>>;
  readonly seconds: number;
}

/** Events of ticks that follow each other, lazily. Those of a call follow each other: IVR, legs, survey. */
export function generateTicks(options: TickOptions): Iterable<GeneratedEvent> {
  return tickEvents(options);
}

/** A day's events, some 18,000: calls that begin from 06:00 to 22:00 local time, most of them before noon. */
export function generateBusinessDay(options: BusinessDayOptions): Iterable<GeneratedEvent> {
  return businessDayEvents(options);
}

/** Agents 1..count; rows of `schemas/agents.ts`. */
export function makeAgents(options: { readonly count: number; readonly seed: number }): AgentRow[] {
  return agentRows(options);
}

/** Customers 1..count; rows of `schemas/customers.ts`. */
export function makeCustomers(options: { readonly count: number; readonly seed: number }): CustomerRow[] {
  return customerRows(options);
}

export function encodeEvent(event: GeneratedEvent): OutgoingEvent {
  return encode(event);
}

/**
 * Sends the events until they end, the duration is over or the signal aborts (then it returns what was sent). A
 * sink's error is passed on once nothing is under way any more.
 */
export async function produce(options: ProduceOptions, signal: AbortSignal): Promise<ProduceResult> {
  return send(options, signal);
}
