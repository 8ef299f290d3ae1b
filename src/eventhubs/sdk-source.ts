import type { EventHubConsumerClient, ReceivedEventData } from '@azure/event-hubs';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { openConsumer } from './client.ts';
import { translateClientError } from './client-errors.ts';
import type { Connection } from './connection.ts';
import { EventColumns } from './event-columns.ts';
import type { EventBatch, EventSource, HubProperties, PartitionProperties, ReceiveRequest } from './eventhubs.ts';
import { appendMessage } from './message-sections.ts';
import { PartitionReader } from './partition-reader.ts';
import { RawConnection } from './rhea-internals.ts';
import type { LinkShare } from './rhea-internals.ts';
import { beforeAnotherTry } from './try-again.ts';
import { withDeadline } from './with-deadline.ts';

export interface SourceOptions {
  readonly connection: Connection;
  readonly hub: string;
  /** The group whose client also answers what the hub holds: then one connection does for all. */
  readonly consumerGroup: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  /** Default: the named limit. */
  readonly stallMsMax?: number;
}

/** The client's own queue holds no more events than this, whatever their size. */
const PREFETCH_EVENTS_MAX = 20_000;
/** What an event takes in the client beside its message. */
const EVENT_OVERHEAD_BYTES = 1_500;
/** Room beside the bytes that the last batch would have needed. */
const EXPECTED_BYTES_MARGIN = 1.02;

/** The first adapter of EventSource: the genuine @azure/event-hubs client, one receiver a partition. */
export class SdkEventSource implements EventSource {
  readonly namespace: string;
  readonly hub: string;
  private readonly options: SourceOptions;
  private readonly raw = new RawConnection();
  private readonly clients = new Map<string, Promise<EventHubConsumerClient>>();

  constructor(options: SourceOptions) {
    this.options = options;
    this.namespace = options.connection.host;
    this.hub = options.hub;
  }

  async hubProperties(signal: AbortSignal): Promise<HubProperties> {
    const found = await this.ask(signal, (client, abortSignal) => client.getEventHubProperties({ abortSignal }));
    return { name: found.name, createdAtMs: found.createdOn.getTime(), partitionIds: [...found.partitionIds] };
  }

  async partitionProperties(partitionId: string, signal: AbortSignal): Promise<PartitionProperties> {
    const found = await this.ask(signal, (client, abortSignal) =>
      client.getPartitionProperties(partitionId, { abortSignal }),
    );
    const last = found.lastEnqueuedSequenceNumber;
    return {
      partitionId,
      firstSequenceNumber: found.isEmpty ? last + 1 : found.beginningSequenceNumber,
      lastSequenceNumber: last,
      lastEnqueuedAtMs: last < 0 ? undefined : found.lastEnqueuedOnUtc.getTime(),
      lastOffset: found.lastEnqueuedOffset,
    };
  }

  async *receive(request: ReceiveRequest, signal: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
    // The client drops an epoch of 0 without a word, and then anybody may read beside us.
    assert(request.ownerLevel >= 1, 'a receiver has an epoch of at least 1');
    const { partitionId, consumerGroup } = request;
    const { connection } = this.options;
    const situation = { connection, hub: this.hub, doing: 'receive', partitionId, consumerGroup } as const;
    const progress: Progress = { wanted: request.firstSequenceNumber, failures: 0, bodyShare: 1, warned: false };
    while (progress.wanted <= request.lastSequenceNumber) {
      try {
        yield* this.receiveOnce(request, progress, signal);
      } catch (error) {
        progress.failures++;
        await beforeAnotherTry(error, progress.failures, situation, this.options, signal);
      }
    }
  }

  async close(): Promise<void> {
    this.raw.close();
    const opened = await Promise.allSettled(this.clients.values());
    const closing = opened.map((client) => (client.status === 'fulfilled' ? client.value.close() : undefined));
    await withDeadline(Promise.allSettled(closing), LIMITS.eventHubsAttemptMsMax).catch(() => undefined);
  }

  /** Reads over one subscription until the range is done or something fails. */
  private async *receiveOnce(request: ReceiveRequest, progress: Progress, signal: AbortSignal) {
    const { partitionId, consumerGroup, ownerLevel } = request;
    const client = await this.client(consumerGroup);
    this.raw.share(
      `${this.hub}/ConsumerGroups/${consumerGroup}/Partitions/${partitionId}`,
      freshShare(request.bytesMax),
    );
    const reader = new PartitionReader(client, {
      hub: this.hub,
      partitionId,
      ownerLevel,
      firstSequenceNumber: progress.wanted,
      prefetchEvents: PREFETCH_EVENTS_MAX,
      stallMsMax: this.options.stallMsMax ?? LIMITS.receiveStallMsMax,
    });
    try {
      while (progress.wanted <= request.lastSequenceNumber) {
        const batch = this.columnsOf(await reader.next(signal), request, progress);
        progress.failures = 0;
        if (batch.count > 0) yield batch;
      }
    } finally {
      await reader.close();
    }
  }

  /** Keeps what lies between the next number wanted and the last of the range, and moves the former on. */
  private columnsOf(events: readonly ReceivedEventData[], request: ReceiveRequest, progress: Progress): EventBatch {
    let rawBytes = 0;
    for (const event of events) rawBytes += (event.body as Buffer).length;
    const expected = Math.ceil(rawBytes * progress.bodyShare * EXPECTED_BYTES_MARGIN);
    const columns = new EventColumns(request.partitionId, events.length, expected);
    for (const event of events) {
      const { sequenceNumber } = event;
      const message = event.body as Buffer;
      assert(Buffer.isBuffer(message), 'the client hands on raw messages');
      if (sequenceNumber < progress.wanted) continue;
      progress.wanted = sequenceNumber + 1;
      if (sequenceNumber > request.lastSequenceNumber) break;
      const sound = appendMessage(columns, message);
      if (!sound && !progress.warned) this.warnOfMalformed(request.partitionId, sequenceNumber);
      progress.warned ||= !sound;
    }
    progress.bodyShare = Math.min(1, columns.bodies.usedBytes / Math.max(1, rawBytes));
    return columns.batch();
  }

  private warnOfMalformed(partitionId: string, sequenceNumber: number): void {
    this.options.log.warn('an event is no well-formed AMQP message: its bytes are kept as its body', {
      hub: this.hub,
      partitionId,
      sequenceNumber,
    });
  }

  private async ask<T>(
    signal: AbortSignal,
    question: (client: EventHubConsumerClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { connection, consumerGroup } = this.options;
    try {
      const client = await this.client(consumerGroup);
      return await withDeadline((inner) => question(client, inner), LIMITS.eventHubsAnswerMsMax, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateClientError(error, { connection, hub: this.hub, doing: 'plan' });
    }
  }

  private client(consumerGroup: string): Promise<EventHubConsumerClient> {
    let client = this.clients.get(consumerGroup);
    if (client === undefined) {
      client = openConsumer(this.options.connection, this.hub, consumerGroup, this.raw.id);
      this.clients.set(consumerGroup, client);
    }
    return client;
  }
}

interface Progress {
  /** Next sequence number wanted. */
  wanted: number;
  /** Faults since the last event. */
  failures: number;
  /** Bytes of bodies to bytes of messages in the last batch. */
  bodyShare: number;
  warned: boolean;
}

function freshShare(bytesMax: number): LinkShare {
  return {
    bytesMax,
    overheadBytes: EVENT_OVERHEAD_BYTES,
    prefetchEvents: PREFETCH_EVENTS_MAX,
    largestEventBytes: LIMITS.eventBytesMax,
    seen: false,
  };
}
