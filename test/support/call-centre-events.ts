import type { Arrival } from './slow-model.ts';

/** Bodies of the call centre with defaults, and where they stood in the hub. Times are RFC 3339 text. */
export interface Place {
  readonly partition?: number;
  readonly sequence?: number;
  readonly enqueued?: string;
}

type Fields = Readonly<Record<string, unknown>>;

let nextSequence = 0;

/** An arrival with this body. A sequence number that is not given is one never given before. */
export function arrival(dataset: Arrival['dataset'], body: string | null, place: Place = {}): Arrival {
  return {
    dataset,
    body,
    partitionId: place.partition ?? 0,
    sequenceNumber: place.sequence ?? nextSequence++,
    enqueuedAtUs: BigInt(Date.parse(place.enqueued ?? '2026-01-05T20:00:00Z')) * 1000n,
    // These tests say by themselves what they expect.
    verdict: { reason: '' },
  };
}

export function leg(fields: Fields, place: Place = {}): Arrival {
  const started = fields['started_at'] ?? '2026-01-05T12:00:00Z';
  const event = {
    event_id: 'e',
    produced_at: '2026-01-05T13:00:00Z',
    call_id: 'c1',
    leg_id: 'l1',
    customer_id: 1,
    agent_id: 1,
    started_at: started,
    ended_at: started,
    area: 'Cards',
  };
  return arrival('call_legs', JSON.stringify({ ...event, ...fields }), place);
}

export function call(fields: Fields, place: Place = {}): Arrival {
  const started = fields['started_at'] ?? '2026-01-05T12:00:00Z';
  const event = {
    event_id: 'e',
    produced_at: '2026-01-05T13:00:00Z',
    call_id: 'c1',
    customer_id: 1,
    started_at: started,
    ended_at: started,
    authenticated: false,
    options_navigated: 1,
    option_code: 'EMP',
    transferred: false,
    queue_id: 'q',
  };
  return arrival('ivr_calls', JSON.stringify({ ...event, ...fields }), place);
}

export function survey(fields: Fields, place: Place = {}): Arrival {
  const event = {
    event_id: 'e',
    produced_at: '2026-01-05T13:00:00Z',
    survey_id: 's1',
    call_id: 'c1',
    sent_at: '2026-01-05T14:00:00Z',
    score: 5,
  };
  return arrival('surveys', JSON.stringify({ ...event, ...fields }), place);
}
