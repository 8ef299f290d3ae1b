import { compareText, type Lake, type Row } from './slow-model.ts';

/**
 * The days that docs/domain.md section 4 calls touched between two states of silver and of the agents, read off its
 * last paragraph sentence by sentence. Shares no code with the engine.
 */
export interface TouchedDays {
  readonly agent_daily: ReadonlySet<string>;
  readonly queue_daily: ReadonlySet<string>;
}

export interface State {
  readonly lake: Lake;
  readonly agents: readonly Row[];
}

const DAY_US = 86_400_000_000n;

export function slowTouchedDays(before: State, after: State): TouchedDays {
  const agentDays = new Set<string>();
  const queueDays = new Set<string>();
  // The old version of a row counts as much as the new one, each in its own state.
  for (const [state, other] of [
    [before, after],
    [after, before],
  ] as const) {
    const legs = state.lake.call_legs;
    for (const call of changed(state.lake.ivr_calls, other.lake.ivr_calls)) queueDays.add(day(call, 'start_date'));
    for (const leg of changed(legs, other.lake.call_legs)) {
      for (const peer of legsOf(state, other, leg['call_id'])) agentDays.add(day(peer, 'start_date'));
      for (const call of [...state.lake.ivr_calls, ...other.lake.ivr_calls]) {
        if (call['call_id'] === leg['call_id']) queueDays.add(day(call, 'start_date'));
      }
      const previous = legBefore(leg, legs);
      if (previous !== undefined && us(leg, 'started_at') - us(previous, 'started_at') <= DAY_US) {
        agentDays.add(day(previous, 'start_date'));
      }
    }
    for (const survey of changed(state.lake.surveys, other.lake.surveys)) {
      for (const leg of legsOf(state, other, survey['call_id'])) agentDays.add(day(leg, 'start_date'));
    }
    for (const agent of changed(state.agents, other.agents)) {
      for (const leg of [...legs, ...other.lake.call_legs]) {
        if (leg['agent_id'] === agent['agent_id']) agentDays.add(day(leg, 'start_date'));
      }
    }
  }
  return { agent_daily: agentDays, queue_daily: queueDays };
}

/** Rows of the one state that the other does not have as they are. */
function changed(rows: readonly Row[], others: readonly Row[]): Row[] {
  const texts = new Set(others.map(textOf));
  return rows.filter((row) => !texts.has(textOf(row)));
}

function textOf(row: Row): string {
  return JSON.stringify(Object.entries(row).toSorted(([a], [b]) => compareText(a, b)));
}

function legsOf(state: State, other: State, callId: string | null | undefined): Row[] {
  return [...state.lake.call_legs, ...other.lake.call_legs].filter((leg) => leg['call_id'] === callId);
}

function legBefore(leg: Row, legs: readonly Row[]): Row | undefined {
  return legs
    .filter((other) => other['customer_id'] === leg['customer_id'] && compareLegs(other, leg) < 0)
    .toSorted(compareLegs)
    .at(-1);
}

function compareLegs(a: Row, b: Row): number {
  return (
    Number(us(a, 'started_at') - us(b, 'started_at')) ||
    Number(us(a, 'ended_at') - us(b, 'ended_at')) ||
    compareText(day(a, 'call_id'), day(b, 'call_id')) ||
    compareText(day(a, 'leg_id'), day(b, 'leg_id'))
  );
}

function us(row: Row, column: string): bigint {
  return BigInt(row[column] ?? 0);
}

function day(row: Row, column: string): string {
  return row[column] ?? '';
}
