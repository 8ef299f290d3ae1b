import type { EventHubConsumerClient, ReceivedEventData, Subscription } from '@azure/event-hubs';
import { LIMITS } from '../base/limits.ts';
import { SluiceError } from '../base/errors.ts';

export interface ReaderOptions {
  readonly hub: string;
  readonly partitionId: string;
  /** Inclusive. */
  readonly firstSequenceNumber: number;
  readonly ownerLevel: number;
  readonly prefetchEvents: number;
  /** Events wanted, none received and nothing failed for this long: `receiver_stalled`. */
  readonly stallMsMax: number;
}

/** Events of one call at most; the client returns what it has 20 ms after the first. */
const BATCH_EVENTS_MAX = 2_000;
/** After a connection that broke off the client stays silent up to this long before it attaches again. */
const WAIT_SECONDS_MAX = 2;

interface Pull {
  resolve(events: ReceivedEventData[]): void;
  reject(error: unknown): void;
}

/**
 * One subscription of the client to one partition, turned from push to pull: the client's call is answered only
 * when the next events are asked for. Ends with the first error, whichever it is: the caller opens another.
 */
export class PartitionReader {
  private readonly subscription: Subscription;
  private readonly options: ReaderOptions;
  private offered: ReceivedEventData[] | undefined;
  private answer: (() => void) | undefined;
  private failure: unknown;
  private pull: Pull | undefined;
  private closed = false;

  constructor(client: EventHubConsumerClient, options: ReaderOptions) {
    this.options = options;
    this.subscription = client.subscribe(
      options.partitionId,
      {
        processEvents: (events) => this.offer(events),
        processError: async (error) => this.fail(error),
        processClose: async () => this.fail(new SluiceError('eventhubs_unavailable', 'the client closed the receiver')),
      },
      {
        startPosition: { sequenceNumber: options.firstSequenceNumber, isInclusive: true },
        ownerLevel: options.ownerLevel,
        maxBatchSize: BATCH_EVENTS_MAX,
        maxWaitTimeInSeconds: WAIT_SECONDS_MAX,
        prefetchCount: options.prefetchEvents,
        skipParsingBodyAsJson: true,
      },
    );
  }

  /** The next events, one at least. Rejects with the client's error, `receiver_stalled` or the abort. */
  next(signal: AbortSignal): Promise<ReceivedEventData[]> {
    const { promise, resolve, reject } = Promise.withResolvers<ReceivedEventData[]>();
    const { hub, partitionId, stallMsMax } = this.options;
    const stalled = (): void =>
      reject(
        new SluiceError(
          'receiver_stalled',
          `Hub ${hub}, partition ${partitionId}: events wait, and none came in ${stallMsMax / 1000} s; run again`,
          { context: { hub, partitionId, stallMsMax } },
        ),
      );
    const timer = setTimeout(stalled, stallMsMax);
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener('abort', aborted);
    this.pull = { resolve, reject };
    this.answer?.();
    this.answer = undefined;
    if (signal.aborted) aborted();
    else this.settle();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      this.pull = undefined;
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.answer?.();
    // A link on a broken connection may never answer the detach.
    const closing = this.subscription.close().catch(() => undefined);
    await Promise.race([closing, unreferencedDelay(LIMITS.eventHubsAttemptMsMax)]);
  }

  private offer(events: ReceivedEventData[]): Promise<void> {
    if (events.length === 0 || this.closed) return Promise.resolve();
    this.offered = events;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.answer = resolve;
    this.settle();
    return promise;
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.settle();
  }

  private settle(): void {
    if (this.pull === undefined) return;
    if (this.offered !== undefined) {
      const events = this.offered;
      this.offered = undefined;
      this.pull.resolve(events);
    } else if (this.failure !== undefined) this.pull.reject(this.failure);
  }
}

function unreferencedDelay(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs).unref();
  });
}
