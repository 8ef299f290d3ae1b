import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { EventHubConsumerClient, type ReceivedEventData } from '@azure/event-hubs';
import { SluiceError } from '../base/errors.ts';

const limits = {
  batch: 1000,
  /** A partition that gives nothing for so long has nothing more. */
  silentSecondsMax: 30,
} as const;

/**
 * Writes what waits in a hub to `<folder>/<hub>/<partition>.json`, an object an event and line under the names of
 * Spark's connector. Read by the genuine client, so that the engine's own reader is compared with it too.
 */
export async function recordHub(connection: string, hub: string, folder: string, signal: AbortSignal): Promise<number> {
  const client = new EventHubConsumerClient('$Default', connection, hub);
  await mkdir(path.join(folder, hub), { recursive: true });
  try {
    let events = 0;
    for (const partitionId of await client.getPartitionIds()) {
      const { lastEnqueuedSequenceNumber: last } = await client.getPartitionProperties(partitionId);
      if (last < 0) continue;
      events += await recordPartition(client, partitionId, last, path.join(folder, hub, `${partitionId}.json`), signal);
    }
    return events;
  } finally {
    await client.close();
  }
}

async function recordPartition(
  client: EventHubConsumerClient,
  partitionId: string,
  last: number,
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const out = createWriteStream(file);
  let count = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stopped = (): void => reject(signal.reason);
  signal.addEventListener('abort', stopped, { once: true });
  const subscription = client.subscribe(
    partitionId,
    {
      processEvents: async (events) => {
        if (events.length === 0) {
          reject(
            new SluiceError('receiver_stalled', `partition ${partitionId} of ${client.eventHubName} gives no event`),
          );
        }
        for (const event of events) out.write(`${JSON.stringify(recorded(event, partitionId))}\n`);
        count += events.length;
        if ((events.at(-1)?.sequenceNumber ?? -1) >= last) resolve();
      },
      processError: async (error) => reject(error),
    },
    {
      startPosition: { sequenceNumber: 0, isInclusive: true },
      maxBatchSize: limits.batch,
      maxWaitTimeInSeconds: limits.silentSecondsMax,
      skipParsingBodyAsJson: true,
    },
  );
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', stopped);
    await subscription.close();
    out.end();
    await finished(out);
  }
  return count;
}

function recorded(event: ReceivedEventData, partitionId: string): object {
  const properties = Object.entries(event.properties ?? {}).map(([name, value]) => [name, JSON.stringify(value)]);
  return {
    body: Buffer.from(event.body as Uint8Array).toString('base64'),
    properties: properties.length === 0 ? null : Object.fromEntries(properties),
    partition: Number(partitionId),
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    enqueuedTime: event.enqueuedTimeUtc.toISOString(),
    partitionKey: event.partitionKey ?? null,
  };
}
