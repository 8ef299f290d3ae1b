import type { OutgoingEvent } from '../eventhubs/eventhubs.ts';
import type { GeneratedEvent } from './producer.ts';

const encoder = new TextEncoder();

/** The event as compact JSON in UTF-8, with its partition key. */
export function encode({ event, partitionKey }: GeneratedEvent): OutgoingEvent {
  return { body: encoder.encode(JSON.stringify(event)), partitionKey };
}
