/**
 * rhea as a server that every client of Event Hubs accepts. It is bent on the objects of our own connections, never
 * on its prototypes: the JavaScript client in the same process uses the same rhea.
 * Three things are changed: performatives go out at their full length (rhea trims trailing nulls, and pyamqp reads
 * by position), payloads come in as bytes (decoding loses AMQP types), and a session's flow wakes all its links.
 */
import type { Duplex } from 'node:stream';
import rhea from 'rhea';
import { HUB_LIMITS } from './limits.ts';

export interface LinkError {
  readonly condition: string;
  readonly description: string;
}

interface Composite {
  readonly constructor: { readonly descriptor?: { readonly numeric: number } };
  readonly value: unknown[];
}

export interface Terminus {
  readonly address?: string | null;
  readonly filter?: Readonly<Record<string, { readonly value?: unknown }>> | null;
  described(): unknown;
}

export interface AmqpLink {
  readonly name: string;
  readonly session: AmqpSession;
  readonly connection: AmqpConnection;
  readonly state: { readonly local_open: boolean };
  readonly local: {
    readonly handle: number;
    readonly attach: {
      source: unknown;
      target: unknown;
      snd_settle_mode: number;
      max_message_size: number;
      offered_capabilities: string[];
      properties: Readonly<Record<string, unknown>>;
    };
  };
  readonly remote: {
    readonly attach: {
      readonly source?: Terminus | null;
      readonly target?: Terminus | null;
      readonly properties?: Readonly<Record<string, unknown>> | null;
      readonly desired_capabilities?: unknown;
    };
  };
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  set_source(fields: { address: string }): void;
  set_target(fields: { address: string }): void;
  is_open(): boolean;
  is_sender(): boolean;
  close(error?: LinkError & { info: object }): void;
}

export interface AmqpSender extends AmqpLink {
  readonly _draining?: boolean;
  set_drained(drained: boolean): void;
  send(message: object): unknown;
}

export interface AmqpSession {
  readonly connection: AmqpConnection;
  readonly links: Readonly<Record<string, AmqpLink>>;
  readonly local: { readonly channel: number; readonly begin: { handle_max: number } };
  readonly remote: { readonly handles: Readonly<Record<number, AmqpLink>> };
  readonly outgoing: {
    next_delivery_id: number;
    next_pending_delivery: number;
    next_transfer_id: number;
    remote_next_transfer_id: number | null | undefined;
    transfer_window(): number;
  };
  readonly incoming: { on_transfer(frame: TransferIn, receiver: unknown): void };
  on_flow(frame: FlowIn): void;
  on_disposition(frame: DispositionIn): void;
  close(error: LinkError & { info: object }): void;
  _write_flow(): void;
}

interface TransferIn {
  readonly performative: { message_format?: number | null };
}

interface DispositionIn {
  readonly performative: {
    /** True: the peer is the receiver. */
    readonly role: boolean;
    readonly first: number;
    readonly last?: number | null;
    readonly settled?: boolean | null;
  };
}

interface FlowIn {
  readonly performative: {
    readonly next_incoming_id?: number | null;
    readonly handle?: number | null;
    readonly echo?: boolean | null;
  };
}

export interface AmqpConnection {
  /** A socket, or a WebSocket as a stream. */
  readonly socket: Duplex;
  readonly max_frame_size?: number | null;
  create_session(bufferSize?: number): AmqpSession;
  accept(socket: Duplex): void;
  close(error?: LinkError & { info: object }): void;
  _write_frame(channel?: number, frame?: Composite, payload?: Buffer): void;
  _register(): void;
  _disconnected(): void;
}

export interface AmqpDelivery {
  readonly format?: number | null;
  readonly link: AmqpLink;
  settled: boolean;
  accept(): void;
  reject(error: LinkError & { info: object }): void;
}

export interface LinkContext {
  readonly sender?: AmqpSender;
  readonly receiver?: AmqpLink;
  readonly session?: AmqpSession;
  readonly connection: AmqpConnection;
}

export interface MessageContext {
  readonly receiver: AmqpLink;
  readonly session: AmqpSession;
  readonly message: Buffer;
  readonly delivery: AmqpDelivery;
}

export interface AmqpContainer {
  on(event: 'message', listener: (context: MessageContext) => void): void;
  on(event: string, listener: (context: LinkContext) => void): void;
  accept(socket: Duplex): AmqpConnection;
}

/** Sent as `open`; rhea takes these fields from a connection's options alone. */
const OPEN_FIELDS = {
  max_frame_size: HUB_LIMITS.frameBytesMax,
  channel_max: HUB_LIMITS.channelMax,
  idle_time_out: HUB_LIMITS.idleTimeOutMs,
  tcp_no_delay: true,
};

const FIELD_COUNT: Readonly<Record<number, number>> = {
  0x10: 10, // open
  0x11: 8, // begin
  0x12: 14, // attach
  0x13: 11, // flow
  0x14: 11, // transfer
  0x15: 6, // disposition
  0x16: 3, // detach
  0x17: 1, // end
  0x18: 1, // close
};

export interface SessionEvents {
  /** A flow opened the session's window without naming a link. */
  sessionFlow(session: AmqpSession): void;
  /** The peer settled so many of our deliveries. */
  settled(count: number): void;
}

export function createContainer(id: string, events: SessionEvents): AmqpContainer {
  const container = rhea.create_container({ id, autoaccept: false } as never);
  const mechanisms = container.sasl_server_mechanisms as Record<string, unknown> & { enable_anonymous(): void };
  mechanisms.enable_anonymous();
  // Authorisation is by $cbs; SASL is there to be passed.
  for (const name of ['MSSBCBS', 'EXTERNAL']) mechanisms[name] = mechanisms['ANONYMOUS'];
  const create = container.create_connection.bind(container) as unknown as (options: object) => AmqpConnection;
  return {
    on: (event: string, listener: (context: never) => void) => void container.on(event, listener as never),
    accept: (socket) => {
      const connection = create(OPEN_FIELDS);
      makeStrict(connection, events);
      connection.accept(socket);
      return connection;
    },
  };
}

/** Every error carries an `info` map: pyamqp reads it by position. */
export function withInfo(error: LinkError): LinkError & { info: object } {
  return { ...error, info: {} };
}

function makeStrict(connection: AmqpConnection, events: SessionEvents): void {
  const writeFrame = connection._write_frame;
  connection._write_frame = function (channel, frame, payload): void {
    if (frame !== undefined) fillUp(frame);
    writeFrame.call(this, channel, frame, payload);
  };
  const createSession = connection.create_session;
  connection.create_session = function (bufferSize): AmqpSession {
    const session = createSession.call(this, bufferSize);
    session.local.begin.handle_max = HUB_LIMITS.handleMax;
    keepPayloads(session);
    watchFlows(session, events.sessionFlow);
    watchDispositions(session, events.settled);
    return session;
  };
}

function fillUp(frame: Composite): void {
  const count = FIELD_COUNT[frame.constructor.descriptor?.numeric ?? 0] ?? 0;
  for (let i = 0; i < count; i++) frame.value[i] ??= rhea.types.wrap(null);
}

/** rhea decodes a message of format 0 and hands over the bytes of any other. */
function keepPayloads(session: AmqpSession): void {
  const onTransfer = session.incoming.on_transfer;
  session.incoming.on_transfer = function (frame, receiver): void {
    if (frame.performative.message_format === 0) frame.performative.message_format = null;
    onTransfer.call(this, frame, receiver);
  };
}

/** rhea does not know the events that went past it, and passes over what is said of them. */
function watchDispositions(session: AmqpSession, settled: SessionEvents['settled']): void {
  const onDisposition = session.on_disposition;
  session.on_disposition = function (frame): void {
    onDisposition.call(this, frame);
    const { role, first, last, settled: isSettled } = frame.performative;
    if (role && isSettled === true) settled((last ?? first) - first + 1);
  };
}

function watchFlows(session: AmqpSession, onSessionFlow: SessionEvents['sessionFlow']): void {
  const onFlow = session.on_flow;
  session.on_flow = function (frame): void {
    onFlow.call(this, frame);
    const { next_incoming_id: nextIncomingId, handle, echo } = frame.performative;
    // Absent while the peer has not seen our begin: then it counts from our first transfer.
    if (nextIncomingId === null || nextIncomingId === undefined) this.outgoing.remote_next_transfer_id = 0;
    if (handle === null || handle === undefined) {
      if (echo === true) this._write_flow();
      onSessionFlow(this);
    } else if (echo === true) {
      const link = this.remote.handles[handle];
      if (link !== undefined) link.issue_flow = true;
      this.connection._register();
    }
  };
}

/** rhea's message codec, for the few messages that are no events. */
export const messageCodec = rhea.message as unknown as { decode(bytes: Buffer): RequestMessage };
export const amqpTypes = rhea.types as unknown as {
  wrap_int(value: number): unknown;
  wrap_long(value: number): unknown;
  wrap_timestamp(value: number): unknown;
  wrap_array(values: readonly unknown[], code: number): unknown;
};

export interface RequestMessage {
  readonly message_id?: string | number | Buffer;
  readonly reply_to?: string;
  readonly application_properties?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}
