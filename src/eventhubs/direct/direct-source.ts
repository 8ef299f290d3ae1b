import type { TokenCredential } from '@azure/identity';
import { assert } from '../../base/assert.ts';
import { SluiceError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { entraCredential } from '../client.ts';
import { translateClientError } from '../client-errors.ts';
import type { EventBatch, EventSource, HubProperties, PartitionProperties, ReceiveRequest } from '../eventhubs.ts';
import type { SourceOptions } from '../sdk-source.ts';
import { beforeAnotherTry } from '../try-again.ts';
import { withDeadline } from '../with-deadline.ts';
import { tokenSource } from './credentials.ts';
import { DirectConnection } from './direct-connection.ts';
import type { DirectConnectionOptions, OpenLink } from './direct-connection.ts';
import type { Management } from './management.ts';

export interface DirectSourceOptions extends SourceOptions {
  /** Default: DefaultAzureCredential. */
  readonly entraCredential?: () => Promise<TokenCredential>;
}

/** The second adapter of EventSource: the genuine client's control plane, and a parser of ours for the events. */
export class DirectEventSource implements EventSource {
  readonly namespace: string;
  readonly hub: string;
  private readonly options: DirectSourceOptions;
  private readonly connecting: DirectConnectionOptions;
  private opened: Promise<DirectConnection> | undefined;

  constructor(options: DirectSourceOptions) {
    this.options = options;
    this.namespace = options.connection.host;
    this.hub = options.hub;
    const { connection, hub, clock, log } = options;
    const tokens = tokenSource(connection, clock, options.entraCredential ?? entraCredential);
    this.connecting = { connection, hub, clock, log, tokens };
  }

  /** Private names of rhea that are not what they were; none: this source works. Connects to nothing. */
  async changedParts(): Promise<readonly string[]> {
    return (await this.connection()).changed;
  }

  hubProperties(signal: AbortSignal): Promise<HubProperties> {
    return this.ask(signal, (management) => management.hubProperties());
  }

  partitionProperties(partitionId: string, signal: AbortSignal): Promise<PartitionProperties> {
    return this.ask(signal, (management) => management.partitionProperties(partitionId));
  }

  async *receive(request: ReceiveRequest, signal: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
    // An epoch of 0 lets anybody read beside us.
    assert(request.ownerLevel >= 1, 'a receiver has an epoch of at least 1');
    const { partitionId, consumerGroup } = request;
    const { connection } = this.options;
    const situation = { connection, hub: this.hub, doing: 'receive', partitionId, consumerGroup } as const;
    const progress: Progress = { wanted: request.firstSequenceNumber, failures: 0, warned: false };
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
    const opened = await this.opened?.catch(() => undefined);
    await opened?.close();
  }

  /** Reads over one link until the range is done or something fails. */
  private async *receiveOnce(request: ReceiveRequest, progress: Progress, signal: AbortSignal) {
    const { partitionId, lastSequenceNumber, bytesMax } = request;
    const range = { partitionId, firstSequenceNumber: progress.wanted, lastSequenceNumber, bytesMax };
    const connection = await this.connection();
    const link = await withDeadline(
      connection.receive(request, range, (sequenceNumber) =>
        this.warnOfMalformed(partitionId, sequenceNumber, progress),
      ),
      LIMITS.eventHubsAnswerMsMax,
      signal,
    );
    try {
      for (;;) {
        const batch = await this.next(link, partitionId, signal);
        if (batch === undefined) break;
        progress.failures = 0;
        // What is handed over is not asked for again, even where the link is lost under the one who works on it.
        progress.wanted = Number(batch.sequenceNumbers[batch.count - 1]) + 1;
        yield batch;
      }
      progress.wanted = link.incoming.nextWanted;
    } finally {
      await link.close();
    }
  }

  /** The next batch, `receiver_stalled`, or the reason of an abort. */
  private async next(link: OpenLink, partitionId: string, signal: AbortSignal): Promise<EventBatch | undefined> {
    const stallMsMax = this.options.stallMsMax ?? LIMITS.receiveStallMsMax;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const stalled = (): void =>
      reject(
        new SluiceError(
          'receiver_stalled',
          `Hub ${this.hub}, partition ${partitionId}: events wait, and none came in ${stallMsMax / 1000} s; run again`,
          { context: { hub: this.hub, partitionId, stallMsMax } },
        ),
      );
    const timer = setTimeout(stalled, stallMsMax);
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    try {
      return await Promise.race([link.incoming.next(), ended]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
    }
  }

  private warnOfMalformed(partitionId: string, sequenceNumber: number, progress: Progress): void {
    if (progress.warned) return;
    progress.warned = true;
    this.options.log.warn('an event is no well-formed AMQP message: its bytes are kept as its body', {
      hub: this.hub,
      partitionId,
      sequenceNumber,
    });
  }

  private async ask<T>(signal: AbortSignal, question: (management: Management) => Promise<T>): Promise<T> {
    const { connection } = this.options;
    const situation = { connection, hub: this.hub, doing: 'plan' } as const;
    const answer = async (): Promise<T> => {
      for (let failures = 1; ; failures++) {
        try {
          return await (await this.connection()).ask(question);
        } catch (error) {
          await beforeAnotherTry(error, failures, situation, this.options, signal);
        }
      }
    };
    try {
      return await withDeadline(answer, LIMITS.eventHubsAnswerMsMax, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateClientError(error, situation);
    }
  }

  /** The connection at hand, or another one where it broke. */
  private async connection(): Promise<DirectConnection> {
    const current = (this.opened ??= DirectConnection.load(this.connecting));
    const opened = await current;
    if (!opened.isBroken) return opened;
    // Whoever comes first opens another; the others find it.
    if (this.opened === current) this.opened = DirectConnection.load(this.connecting);
    return this.opened;
  }
}

interface Progress {
  /** Next sequence number wanted. */
  wanted: number;
  /** Faults since the last event. */
  failures: number;
  warned: boolean;
}
