import type { EventData, EventDataBatch, EventHubProducerClient } from '@azure/event-hubs';
import { SluiceError } from '../base/errors.ts';
import { translateClientError } from './client-errors.ts';
import { openProducer } from './client.ts';
import type { Connection } from './connection.ts';
import type { EventSink, OutgoingEvent } from './eventhubs.ts';

export interface SinkOptions {
  readonly connection: Connection;
  readonly hub: string;
}

/** Partition keys whose batches are under way at once. */
const KEYS_IN_FLIGHT_MAX = 16;

/** EventSink over the genuine client: full batches for each partition key, retried by the client. */
export class SdkEventSink implements EventSink {
  private readonly options: SinkOptions;
  private opened: Promise<EventHubProducerClient> | undefined;

  constructor(options: SinkOptions) {
    this.options = options;
  }

  async send(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<void> {
    const groups = [...Map.groupBy(events, (event) => event.partitionKey)].values();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const worker = async (): Promise<void> => {
      // The workers share one iterator: each takes the next key that nobody has.
      for (const [key, group] of groups) {
        either.throwIfAborted();
        await this.sendGroup(key, group, either);
      }
    };
    const workers = Array.from({ length: KEYS_IN_FLIGHT_MAX }, () =>
      worker().catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    );
    const rejected = (await Promise.allSettled(workers)).filter((result) => result.status === 'rejected');
    signal.throwIfAborted();
    if (rejected.length > 0) throw failed.signal.reason;
  }

  async close(): Promise<void> {
    const client = await this.opened?.catch(() => undefined);
    await client?.close();
  }

  /** One key's events one batch after the other, so that their order stays. */
  private async sendGroup(
    partitionKey: string | undefined,
    events: readonly OutgoingEvent[],
    abortSignal: AbortSignal,
  ) {
    try {
      this.opened ??= openProducer(this.options.connection, this.options.hub);
      const client = await this.opened;
      const options = partitionKey === undefined ? { abortSignal } : { abortSignal, partitionKey };
      let batch: EventDataBatch | undefined;
      for (const event of events) {
        if (batch?.tryAdd(outgoing(event))) continue;
        if (batch !== undefined) await client.sendBatch(batch, { abortSignal });
        batch = await client.createBatch(options);
        if (!batch.tryAdd(outgoing(event))) throw this.tooLarge(event, batch);
      }
      if (batch !== undefined) await client.sendBatch(batch, { abortSignal });
    } catch (error) {
      throw translateClientError(error, { ...this.options, doing: 'send' });
    }
  }

  private tooLarge(event: OutgoingEvent, batch: EventDataBatch): SluiceError {
    const { hub } = this.options;
    const bytes = event.body.length;
    return new SluiceError(
      'event_too_large',
      `An event with a body of ${bytes} bytes: hub ${hub} accepts ${batch.maxSizeInBytes} bytes for all of an event`,
      { context: { hub, bodyBytes: bytes, batchBytesMax: batch.maxSizeInBytes } },
    );
  }
}

function outgoing(event: OutgoingEvent): EventData {
  const body = Buffer.from(event.body.buffer, event.body.byteOffset, event.body.byteLength);
  return event.properties === undefined ? { body } : { body, properties: { ...event.properties } };
}
