import { openEventSink, type EventSink } from '../eventhubs/eventhubs.ts';
import type { HostileEvent } from './hostile-events.ts';

/** Events under way at once. */
const CHUNK = 5000;

/** Sends the next `count` events of the stream, each to the hub of its dataset. */
export async function sendHostile(
  connection: string,
  events: Iterator<HostileEvent>,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const sinks = new Map<string, EventSink>();
  try {
    for (let sent = 0; sent < count;) {
      const chunk: HostileEvent[] = [];
      for (let more = Math.min(CHUNK, count - sent); more > 0; more--) {
        const next = events.next();
        if (next.done !== true) chunk.push(next.value);
      }
      for (const [hub, group] of Map.groupBy(chunk, ({ dataset }) => dataset)) {
        const sink = sinks.get(hub) ?? openEventSink({ connection, hub });
        sinks.set(hub, sink);
        await sink.send(group, signal);
      }
      sent += CHUNK;
    }
  } finally {
    for (const sink of sinks.values()) await sink.close();
  }
}
