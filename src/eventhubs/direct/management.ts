import type { RequestResponseLink } from '@azure/core-amqp';
import type { Connection as AmqpConnection } from 'rhea-promise';
import { LIMITS } from '../../base/limits.ts';
import { SluiceError } from '../../base/errors.ts';
import type { HubProperties, PartitionProperties } from '../eventhubs.ts';

const ADDRESS = '$management';

/** Questions about a hub and its partitions, over the connection that also receives. */
export class Management {
  private readonly hub: string;
  private readonly link: RequestResponseLink;
  private readonly replyTo: string;

  private readonly securityToken: () => Promise<string>;

  private constructor(hub: string, link: RequestResponseLink, replyTo: string, securityToken: () => Promise<string>) {
    this.hub = hub;
    this.link = link;
    this.replyTo = replyTo;
    this.securityToken = securityToken;
  }

  /** The claim for the audience of `$management` has been put; the service wants a token in each question beside it. */
  static async open(
    connection: AmqpConnection,
    hub: string,
    replyTo: string,
    securityToken: () => Promise<string>,
  ): Promise<Management> {
    const { RequestResponseLink: Link } = await import('@azure/core-amqp');
    const link = await Link.create(
      connection,
      { target: { address: ADDRESS } },
      { source: { address: ADDRESS }, name: replyTo, target: { address: replyTo } },
    );
    // Whoever asked is answered with it; unheard, rhea would throw it.
    for (const end of [link.sender, link.receiver]) {
      for (const event of ['sender_error', 'receiver_error']) end.on(event as never, () => undefined);
    }
    return new Management(hub, link, replyTo, securityToken);
  }

  get isOpen(): boolean {
    return this.link.isOpen();
  }

  async hubProperties(): Promise<HubProperties> {
    const found = await this.ask({ type: 'com.microsoft:eventhub' });
    return {
      name: String(found['name']),
      createdAtMs: timeOf(found['created_at']),
      partitionIds: (found['partition_ids'] as readonly unknown[]).map(String),
    };
  }

  async partitionProperties(partitionId: string): Promise<PartitionProperties> {
    const found = await this.ask({ type: 'com.microsoft:partition', partition: partitionId });
    const last = numberOf(found['last_enqueued_sequence_number']);
    const isEmpty = found['is_partition_empty'] === true;
    return {
      partitionId,
      firstSequenceNumber: isEmpty ? last + 1 : numberOf(found['begin_sequence_number']),
      lastSequenceNumber: last,
      lastEnqueuedAtMs: last < 0 ? undefined : timeOf(found['last_enqueued_time_utc']),
      lastOffset: String(found['last_enqueued_offset']),
    };
  }

  private async ask(properties: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown>>> {
    const request = {
      body: Buffer.from('[]'),
      message_id: crypto.randomUUID(),
      reply_to: this.replyTo,
      application_properties: {
        operation: 'READ',
        name: this.hub,
        security_token: await this.securityToken(),
        ...properties,
      },
    };
    const timeoutInMs = LIMITS.eventHubsAttemptMsMax;
    const { body } = await this.link.sendRequest(request, { timeoutInMs, requestName: 'properties' });
    if (typeof body !== 'object' || body === null)
      throw new SluiceError('eventhubs_protocol', 'an answer without body');
    return body as Readonly<Record<string, unknown>>;
  }
}

/** rhea gives a long beyond 2^53 as its eight bytes. */
function numberOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new SluiceError('eventhubs_protocol', 'Event Hubs gave a sequence number beyond 2^53, or none');
}

function timeOf(value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : Number(value);
  if (Number.isFinite(ms)) return ms;
  throw new SluiceError('eventhubs_protocol', 'Event Hubs gave no time where one belongs');
}
