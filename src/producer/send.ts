import { isAbort } from '../base/errors.ts';
import type { EventSink, OutgoingEvent } from '../eventhubs/eventhubs.ts';
import { encode } from './encode.ts';
import type { GeneratedEvent, ProduceOptions, ProduceResult } from './producer.ts';

/** Events that are under way at once, whatever the rate. */
export const EVENTS_IN_FLIGHT_MAX = 2000;
/** A paced sender sends this often, so that a second's events do not come in one burst. */
const SENDS_A_SECOND = 10;
const PROGRESS_EVERY_MS = 5000;

/** Sends what the iterable gives, one chunk under way at a time: see `produce`. */
export async function send(options: ProduceOptions, signal: AbortSignal): Promise<ProduceResult> {
  const { clock, log, ratePerSecond = Infinity, durationMs = Infinity } = options;
  const startedMs = clock.nowMs();
  const elapsedMs = (): number => clock.nowMs() - startedMs;
  // At a rate the count ends the work, so that a sender that keeps up sends rate × duration exactly.
  const total = Number.isFinite(ratePerSecond) ? Math.round((ratePerSecond * durationMs) / 1000) : Infinity;
  const chunkSize = Math.max(1, Math.min(EVENTS_IN_FLIGHT_MAX, Math.ceil(ratePerSecond / SENDS_A_SECOND)));
  const sent: Record<string, number> = {};
  let count = 0;
  let progressMs = PROGRESS_EVERY_MS;
  const source = options.events[Symbol.iterator]();
  try {
    while (count < total && elapsedMs() < durationMs) {
      const chunk = take(source, Math.min(chunkSize, total - count));
      if (chunk.length === 0) break;
      const earlyMs = (count / ratePerSecond) * 1000 - elapsedMs();
      if (earlyMs > 0) await clock.sleep(earlyMs, signal);
      signal.throwIfAborted();
      await sendChunk(chunk, options.sinks, sent, signal);
      count += chunk.length;
      if (elapsedMs() < progressMs) continue;
      log.info('sending', { events: count, seconds: Math.round(elapsedMs() / 1000) });
      progressMs = elapsedMs() + PROGRESS_EVERY_MS;
    }
  } catch (error) {
    // A stop that was asked for: what is sent stands, and is told.
    if (!signal.aborted || !(error === signal.reason || isAbort(error))) throw error;
  } finally {
    source.return?.();
  }
  return { sent, seconds: elapsedMs() / 1000 };
}

function take(source: Iterator<GeneratedEvent>, countMax: number): GeneratedEvent[] {
  const taken: GeneratedEvent[] = [];
  while (taken.length < countMax) {
    const next = source.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

async function sendChunk(
  chunk: readonly GeneratedEvent[],
  sinks: (dataset: string) => EventSink,
  sent: Record<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const byDataset = new Map<string, OutgoingEvent[]>();
  for (const event of chunk) {
    const events = byDataset.get(event.dataset);
    if (events === undefined) byDataset.set(event.dataset, [encode(event)]);
    else events.push(encode(event));
  }
  // All are awaited before a failure is passed on: no send goes on behind the caller's back.
  const results = await Promise.allSettled(
    [...byDataset].map(async ([dataset, events]) => {
      await sinks(dataset).send(events, signal);
      sent[dataset] = (sent[dataset] ?? 0) + events.length;
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
