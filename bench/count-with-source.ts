import { systemClock } from '../src/base/clock.ts';
import { MiB } from '../src/base/limits.ts';
import { silentLog } from '../src/base/log.ts';
import { openEventSource } from '../src/eventhubs/eventhubs.ts';
import type { Receiver } from '../src/eventhubs/eventhubs.ts';

// The receive part alone: every partition of a hub through the EventSource door, into columns that nobody keeps.
// node bench/count-with-source.ts CONNECTION_STRING HUB EVENTS direct|sdk
const [connection = '', hub = '', expected = '0', receiver = 'direct'] = process.argv.slice(2);
/** What `ingest-once` gives a partition where four are read. */
const SHARE_BYTES = 1.5 * MiB;
const source = openEventSource({
  connection,
  hub,
  receiver: receiver as Receiver,
  consumerGroup: '$Default',
  clock: systemClock,
  log: silentLog,
});
const signal = new AbortController().signal;
let events = 0;
let bytes = 0;
let batches = 0;
const { partitionIds } = await source.hubProperties(signal);

async function drain(partitionId: string): Promise<void> {
  const { firstSequenceNumber, lastSequenceNumber } = await source.partitionProperties(partitionId, signal);
  const range = { partitionId, firstSequenceNumber, lastSequenceNumber, ownerLevel: 1, consumerGroup: '$Default' };
  for await (const batch of source.receive({ ...range, bytesMax: SHARE_BYTES }, signal)) {
    events += batch.count;
    bytes += batch.bodies.ends[batch.count - 1] ?? 0;
    batches++;
    batch.release?.();
  }
}

await Promise.all(partitionIds.map(drain));
await source.close();
if (events !== Number(expected)) throw new Error(`${events} of ${expected} events`);
process.stdout.write(`${JSON.stringify({ events, bytes, batches })}\n`);
