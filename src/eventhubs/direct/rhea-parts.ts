import type { Receiver } from 'rhea-promise';
import { DIRECT_LIMITS } from './direct-limits.ts';

/**
 * The one file of the direct receiver that knows private names of rhea and rhea-promise. `changedParts` looks for every
 * one of them on a connection that is not open yet: where one is missing or of another kind, the genuine client reads.
 * What is done with them:
 * - `connection.options.connect` makes the socket, so that the kernel writes into our buffer;
 * - `connection.input` gets the frames that are not ours, one at a time; `connection.saved_error` tells that it failed;
 * - `connection.heartbeat_in`, its watch over the peer's silence, is put back when we read something it does not see;
 * - `session.incoming`, `link.credit` and `link.delivery_count` are moved on by what we took, so that the flow frames
 *   that rhea writes say the truth; `link.issue_flow` and `connection._register` make it write one.
 */
export interface RheaConnection {
  readonly options: {
    connect?: (port: number, host: string, options: unknown, connected: () => void) => RheaSocket;
    session_buffer_size?: number;
    readonly transport?: string;
    readonly servername?: string;
  };
  session_buffer_size: number | undefined;
  readonly local: { readonly open: { max_frame_size: number } };
  readonly heartbeat_in: NodeJS.Timeout | undefined;
  readonly saved_error: unknown;
  readonly socket: RheaSocket;
  input(frame: Buffer): void;
  _register(): void;
  create_session(): RheaSession;
  remove_session(session: RheaSession): void;
  on(event: string, listener: (...args: unknown[]) => void): void;
}

export interface RheaSocket {
  write(bytes: Buffer): boolean;
}

interface RheaSession {
  readonly incoming: { next_transfer_id: number; readonly max_transfer_id: number; readonly window: number };
  readonly local: { readonly channel: number };
  readonly remote: { readonly channel?: number };
  create_receiver(name: string, options: object): RheaLink;
}

export interface RheaLink {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  readonly session: RheaSession;
  readonly connection: RheaConnection;
  readonly remote: { readonly attach?: { readonly handle?: number } };
}

/** rhea's connection below that of rhea-promise. */
export function rheaConnection(connection: object): RheaConnection {
  return (connection as { _connection: RheaConnection })._connection;
}

/** rhea's link below that of rhea-promise. */
export function rheaLink(receiver: Receiver): RheaLink {
  return (receiver as unknown as { _link: RheaLink })._link;
}

/** The number that the peer uses for the link. */
export function peerHandle(link: RheaLink): number {
  return link.remote.attach?.handle ?? -1;
}

/** The channel that the peer uses for the link's session. */
export function peerChannel(link: RheaLink): number {
  return link.session.remote.channel ?? -1;
}

/** Counts what was taken past rhea, and has it write a flow where the credit or the window is to be another. */
export function flowTo(link: RheaLink, frames: number, messages: number, credit: number | undefined): void {
  const { incoming } = link.session;
  incoming.next_transfer_id += frames;
  link.delivery_count += messages;
  link.credit = Math.max(0, link.credit - messages);
  const isDue = credit !== undefined && (link.credit > credit || link.credit < credit / 2);
  if (isDue) {
    link.credit = credit;
    link.issue_flow = true;
  }
  if (isDue || incoming.max_transfer_id - incoming.next_transfer_id < incoming.window / 2) link.connection._register();
}

/** Accepts and settles deliveries `first` to `last`. */
export function writeDisposition(link: RheaLink, first: number, last: number): void {
  const frame = Buffer.from('0000001e02000000005315c0110541700000000070000000004100532445', 'hex');
  frame.writeUInt16BE(link.session.local.channel, 6);
  frame.writeUInt32BE(first, 16);
  frame.writeUInt32BE(last, 21);
  link.connection.socket.write(frame);
}

/** The names that are missing or of another kind on a connection that is not open; none in the version we know. */
export function changedParts(connection: object): string[] {
  const rhea = (connection as { _connection?: RheaConnection })._connection;
  if (typeof rhea !== 'object') return ['_connection'];
  const changed: string[] = [];
  const expect = (name: string, read: () => unknown, kind: string): void => {
    let found: string;
    try {
      found = typeof read();
    } catch {
      found = 'nothing';
    }
    if (found !== kind) changed.push(name);
  };
  expect('connection.options', () => rhea.options, 'object');
  expect('connection.options.transport', () => rhea.options.transport, 'string');
  expect('connection.local.open', () => rhea.local.open, 'object');
  for (const name of ['input', '_register', 'create_session', 'remove_session', 'on'] as const) {
    expect(`connection.${name}`, () => rhea[name], 'function');
  }
  for (const name of ['heartbeat_in', 'saved_error', 'socket'] as const) {
    expect(`connection.${name}`, () => rhea[name], 'undefined');
  }
  if (changed.length > 0) return changed;
  const session = rhea.create_session();
  for (const name of ['next_transfer_id', 'max_transfer_id', 'window'] as const) {
    expect(`session.incoming.${name}`, () => session.incoming[name], 'number');
  }
  expect('session.local.channel', () => session.local.channel, 'number');
  expect('session.remote', () => session.remote, 'object');
  expect('session.create_receiver', () => session.create_receiver, 'function');
  if (changed.length === 0) {
    const link = session.create_receiver('sluice-look', { credit_window: 0 });
    expect('link.credit', () => link.credit, 'number');
    expect('link.delivery_count', () => link.delivery_count, 'number');
    expect('link.issue_flow', () => link.issue_flow, 'boolean');
    expect('link.session', () => link.session, 'object');
    expect('link.remote', () => link.remote, 'object');
  }
  rhea.remove_session(session);
  return changed;
}

/** Sets what the open and the begin will say. */
export function setLimits(connection: RheaConnection): void {
  connection.local.open.max_frame_size = DIRECT_LIMITS.frameBytesMax;
  connection.options.session_buffer_size = DIRECT_LIMITS.sessionWindowFrames;
  connection.session_buffer_size = DIRECT_LIMITS.sessionWindowFrames;
}
