import type { ConnectionContextBase } from '@azure/core-amqp';
import type { EventContext, Receiver } from 'rhea-promise';
import { SluiceError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Connection } from '../connection.ts';
import type { ReceiveRequest } from '../eventhubs.ts';
import { withDeadline } from '../with-deadline.ts';
import { Claims } from './claims.ts';
import type { ClaimsOptions } from './claims.ts';
import { ProtocolViolation } from './frame-parser.ts';
import { IncomingLink } from './incoming-link.ts';
import type { LinkRange } from './incoming-link.ts';
import { Management } from './management.ts';
import { OwnSocket } from './own-socket.ts';
import { changedParts, rheaConnection, rheaLink, setLimits } from './rhea-parts.ts';

type Context = ReturnType<typeof ConnectionContextBase.create>;

export interface DirectConnectionOptions extends Omit<ClaimsOptions, 'cbs'> {
  readonly connection: Connection;
  readonly hub: string;
}

/** A receiver at work. */
export interface OpenLink {
  readonly incoming: IncomingLink;
  close(): Promise<void>;
}

const PRODUCT = 'sluice';
const SELECTOR = 'apache.org:selector-filter:string';
const SELECTOR_CODE = 0x468c00000004;
let receivers = 0;

/**
 * One connection to a hub: @azure/core-amqp's and rhea's own for all but the transfers of events. It is opened once;
 * where it breaks, everybody who uses it is told and another one is opened by the source.
 */
export class DirectConnection {
  private readonly options: DirectConnectionOptions;
  private readonly context: Context;
  private readonly socket: OwnSocket;
  private readonly claims: Claims;
  private readonly types: typeof import('rhea-promise').types;
  private management: Promise<Management> | undefined;
  private failure: Error | undefined;
  private isClosed = false;

  /** Loads the libraries, and opens nothing yet. */
  static async load(options: DirectConnectionOptions): Promise<DirectConnection> {
    const [amqp, { types }] = await Promise.all([import('@azure/core-amqp'), import('rhea-promise')]);
    const { connection } = options;
    const config = amqp.ConnectionConfig.create(connection.connectionString ?? keyless(connection), options.hub);
    const context = amqp.ConnectionContextBase.create({
      config,
      connectionProperties: { product: PRODUCT, version: '1', userAgent: PRODUCT },
      operationTimeoutInMs: LIMITS.eventHubsAttemptMsMax,
    });
    return new DirectConnection(options, context, types, amqp.translate);
  }

  private readonly translate: typeof import('@azure/core-amqp').translate;

  private constructor(
    options: DirectConnectionOptions,
    context: Context,
    types: typeof import('rhea-promise').types,
    translate: typeof import('@azure/core-amqp').translate,
  ) {
    this.options = options;
    this.context = context;
    this.types = types;
    this.translate = translate;
    this.changed = changedParts(context.connection);
    const rhea = rheaConnection(context.connection);
    setLimits(rhea);
    this.socket = new OwnSocket(rhea);
    this.claims = new Claims({ ...options, cbs: () => context.cbsSession });
    const broken = (ends: EventContext): void => this.fail(ends.error ?? ends.connection.error);
    for (const event of ['disconnected', 'connection_close', 'connection_error']) {
      context.connection.on(event as never, broken as never);
    }
  }

  /** Private names of rhea that are not what they were: then nothing else may be called. */
  readonly changed: readonly string[];

  get isBroken(): boolean {
    return this.failure !== undefined;
  }

  /** Asks `$management`. */
  async ask<T>(question: (management: Management) => Promise<T>): Promise<T> {
    this.management ??= this.openManagement();
    try {
      const management = await this.management;
      return await question(management);
    } catch (error) {
      // The next question opens it again.
      this.management = undefined;
      throw this.afterFailure(error);
    }
  }

  /** Opens a receiver with an epoch and gives it credit. */
  async receive(request: ReceiveRequest, range: LinkRange, malformed: (sequence: number) => void): Promise<OpenLink> {
    const { hub } = this.options;
    const path = `${hub}/ConsumerGroups/${request.consumerGroup}/Partitions/${request.partitionId}`;
    const audience = this.audience(path);
    try {
      await this.claims.put(audience);
      return await this.openLink(path, audience, request.ownerLevel, range, malformed);
    } catch (error) {
      this.claims.forget(audience);
      throw this.afterFailure(error);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.claims.close();
    if (this.failure === undefined) {
      const closing = this.context.connection.close();
      await withDeadline(closing, LIMITS.eventHubsAttemptMsMax).catch(() => undefined);
    }
    this.socket.destroy(new Error('the connection is closed'));
  }

  private async openLink(
    path: string,
    audience: string,
    ownerLevel: number,
    range: LinkRange,
    malformed: (sequence: number) => void,
  ): Promise<OpenLink> {
    const opened: { incoming?: IncomingLink; failure?: Error } = {};
    const failed = (error: unknown): void => {
      opened.failure = this.meaning(error);
      opened.incoming?.fail(opened.failure);
    };
    const first = range.firstSequenceNumber;
    const receiver = await this.context.connection.createReceiver({
      name: `${path}-${crypto.randomUUID()}`,
      source: { address: path, filter: { [SELECTOR]: this.selector(first) } },
      target: `${PRODUCT}-${++receivers}`,
      credit_window: 0,
      autoaccept: false,
      properties: { 'com.microsoft:epoch': this.types.wrap_long(ownerLevel) },
      onMessage: () => failed(new ProtocolViolation('an event came another way than the direct one')),
      onError: ({ receiver: link }) => failed(link?.error),
      onClose: ({ receiver: link }) => failed(link?.error),
      onSessionError: ({ session }) => failed(session?.error),
      onSessionClose: ({ session }) => failed(session?.error),
    });
    const incoming = new IncomingLink(rheaLink(receiver), range, {
      holdChanged: () => this.socket.holdChanged(),
      malformed,
    });
    opened.incoming = incoming;
    // The refusal of an attach may have come before there was a link to tell.
    const broken = opened.failure ?? this.failure;
    if (broken !== undefined) incoming.fail(broken);
    this.socket.add(incoming);
    incoming.start();
    return { incoming, close: () => this.closeLink(incoming, receiver, audience) };
  }

  /** From the number on, itself included. */
  private selector(sequenceNumber: number) {
    const text = `amqp.annotation.x-opt-sequence-number > '${sequenceNumber - 1}'`;
    return this.types.wrap_described(text, SELECTOR_CODE);
  }

  private async closeLink(incoming: IncomingLink, receiver: Receiver, audience: string): Promise<void> {
    this.claims.forget(audience);
    incoming.close();
    if (this.failure !== undefined || this.isClosed || !receiver.isOpen()) return;
    // A link on a broken connection may never answer the detach.
    await withDeadline(receiver.close(), LIMITS.eventHubsAttemptMsMax).catch(() => undefined);
  }

  private async openManagement(): Promise<Management> {
    const { hub, tokens } = this.options;
    await this.claims.put(this.audience(`${hub}/$management`));
    const token = async (): Promise<string> => (await tokens(this.audience(hub))).text;
    return Management.open(this.context.connection, hub, `${PRODUCT}-${crypto.randomUUID()}`, token);
  }

  private audience(path: string): string {
    return `${this.context.config.endpoint}${path}`;
  }

  /** A connection that did not come about, or is gone without a word, is not asked again. */
  private afterFailure(error: unknown): Error {
    if (this.context.connection.isOpen()) return this.meaning(error);
    this.fail(error);
    // What broke the connection says more than what came of it.
    return this.failure ?? this.meaning(error);
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = this.meaning(error);
    this.claims.close();
    this.socket.fail(this.failure);
  }

  /** What a condition, a system's error or nothing at all means, in core-amqp's words and ours. */
  private meaning(error: unknown): Error {
    if (error instanceof SluiceError) return error;
    if (error instanceof ProtocolViolation) {
      const { host, port } = this.options.connection;
      return new SluiceError('eventhubs_protocol', `Event Hubs at ${host}:${port} sent ${error.message}`, {
        context: { endpoint: `${host}:${port}`, hub: this.options.hub },
        cause: error,
      });
    }
    if (error === undefined || error === null) {
      const { host, port } = this.options.connection;
      return new SluiceError('eventhubs_unavailable', `Event Hubs at ${host}:${port} closed a link or the connection`);
    }
    return this.translate(error as Error);
  }
}

/** For Entra ID: core-amqp wants a connection string all the same, and its key is never used. */
function keyless({ host }: Connection): string {
  return `Endpoint=sb://${host}/;SharedAccessKeyName=none;SharedAccessKey=none`;
}
