import { createRequire } from 'node:module';
import { SluiceError } from '../base/errors.ts';
import { MalformedAmqp } from './amqp-values.ts';
import { sequenceNumberOf } from './message-sections.ts';

/**
 * The one file that knows private names of rhea, the AMQP library below the Event Hubs client. It changes two things
 * for the connections that ask for it by their user agent, and leaves every other connection as it is:
 * - The client hands on, as `event.body`, the raw bytes of the whole AMQP message: rhea's decoding loses types (uuid,
 *   binary and long beyond 2^53 all become Buffers). What nobody reads is not decoded either.
 * - The client gives credit on top of credit still open. Here a grant raises the open credit *to* what is wanted, and
 *   never above the link's share of bytes over the largest event seen.
 * Private names: Session.prototype.on_transfer, Session._get_link, message.decode, Receiver.add_credit, link.name,
 * link.credit, link.issue_flow, link.connection.options, link.connection._register.
 */
export class RawConnection {
  private static count = 0;
  readonly id = `sluice-raw-${RawConnection.count++}`;
  private readonly shares = new Map<string, LinkShare>();

  constructor() {
    install();
    connections.set(this.id, this);
  }

  /** What links to this address (`hub/ConsumerGroups/group/Partitions/0`) that are opened from now on may hold. */
  share(address: string, share: LinkShare): void {
    this.shares.set(address, share);
  }

  shareOf(linkName: string): LinkShare | undefined {
    // The client names a link by its address, a hyphen and a uuid.
    return this.shares.get(linkName.slice(0, -37));
  }

  close(): void {
    connections.delete(this.id);
  }
}

/** How many bytes may be under way or wait in the client for one link, and what an event took at most. */
export interface LinkShare {
  readonly bytesMax: number;
  /** Bytes to reckon for an event beside its message, since the client makes objects of it. */
  readonly overheadBytes: number;
  /** The prefetch that the client was told: it asks for this less what waits in its queue. */
  readonly prefetchEvents: number;
  /** Begins with the largest event there can be, and is what was seen from the first event on. */
  largestEventBytes: number;
  seen: boolean;
}

const connections = new Map<string, RawConnection>();

interface RheaLink {
  credit: number;
  issue_flow: boolean;
  readonly name: string;
  readonly connection: {
    readonly options: { readonly properties?: Readonly<Record<string, unknown>> };
    _register(): void;
  };
  add_credit(credit: number): void;
}

interface RheaSession {
  on_transfer(frame: unknown): void;
  _get_link(frame: unknown): RheaLink | undefined;
}

interface RheaMessage {
  decode(bytes: Buffer): unknown;
}

let installed = false;
/** The raw link whose transfer rhea is reading at this moment: reading is synchronous. */
let reading: RawLink | undefined;

function install(): void {
  if (installed) return;
  const { session, receiver, message } = loadRhea();
  const { on_transfer: onTransfer } = session;
  const { add_credit: addCredit } = receiver;
  const { decode } = message;
  session.on_transfer = function (this: RheaSession, frame: unknown): void {
    const link = this._get_link(frame);
    reading = link === undefined ? undefined : rawLinkOf(link);
    // A transfer that was under way when credit was taken back: rhea would complain of it on stderr.
    if (reading !== undefined && reading.link.credit < 1) reading.link.credit = 1;
    try {
      onTransfer.call(this, frame);
    } finally {
      reading = undefined;
    }
  };
  message.decode = function (bytes: Buffer): unknown {
    return (reading === undefined ? undefined : rawMessage(reading, bytes)) ?? decode.call(this, bytes);
  };
  receiver.add_credit = function (this: RheaLink, wanted: number): void {
    const share = rawLinkOf(this)?.share;
    const credit = share === undefined ? wanted : creditToAdd(this, share, wanted);
    if (credit > 0) addCredit.call(this, credit);
  };
  installed = true;
}

/** What the client makes an event of: the number that it resumes from, and the bytes. */
function rawMessage(raw: RawLink, bytes: Buffer): unknown {
  let sequenceNumber: number;
  try {
    sequenceNumber = sequenceNumberOf(bytes);
  } catch (error) {
    if (error instanceof MalformedAmqp) return undefined;
    throw error;
  }
  if (sequenceNumber < 0) return undefined;
  if (raw.share !== undefined) noteSize(raw.link, raw.share, bytes.length);
  return { message_annotations: { 'x-opt-sequence-number': sequenceNumber }, body: bytes };
}

function noteSize(link: RheaLink, share: LinkShare, eventBytes: number): void {
  if (share.seen && eventBytes <= share.largestEventBytes) return;
  share.largestEventBytes = eventBytes;
  share.seen = true;
  const most = creditMax(share);
  if (link.credit <= most) return;
  // Credit that is open would let in more bytes than the share has: take it back. What is under way still comes.
  link.credit = most;
  link.issue_flow = true;
  link.connection._register();
}

function creditToAdd(link: RheaLink, share: LinkShare, wanted: number): number {
  const waiting = share.prefetchEvents - wanted;
  return Math.min(wanted, Math.max(creditMax(share) - waiting, waiting > 0 ? 0 : 1)) - link.credit;
}

function creditMax(share: LinkShare): number {
  return Math.max(1, Math.floor(share.bytesMax / (share.largestEventBytes + share.overheadBytes)));
}

interface RawLink {
  readonly link: RheaLink;
  readonly share: LinkShare | undefined;
}

const rawLinks = new WeakMap<RheaLink, RawLink | 'other'>();

function rawLinkOf(link: RheaLink): RawLink | undefined {
  let raw = rawLinks.get(link);
  if (raw === undefined) {
    const agent = String(link.connection.options.properties?.['user-agent']);
    const connection = connections.get(/sluice-raw-\d+/.exec(agent)?.[0] ?? '');
    raw = connection === undefined ? 'other' : { link, share: connection.shareOf(link.name) };
    rawLinks.set(link, raw);
  }
  return raw === 'other' ? undefined : raw;
}

/** rhea as the Event Hubs client loads it, which need not be the one that this package would find. */
function loadRhea(): { session: RheaSession; receiver: RheaLink; message: RheaMessage } {
  let from = createRequire(import.meta.url);
  for (const name of ['@azure/event-hubs', 'rhea-promise']) from = createRequire(from.resolve(name));
  const session = (from('rhea/lib/session.js') as { prototype: RheaSession }).prototype;
  const receiver = (from('rhea/lib/link.js') as { Receiver: { prototype: RheaLink } }).Receiver.prototype;
  const message = from('rhea/lib/message.js') as RheaMessage;
  const parts = [session.on_transfer, session._get_link, receiver.add_credit, message.decode];
  if (parts.some((part) => typeof part !== 'function')) {
    throw new SluiceError('internal', 'rhea has other parts than Sluice knows: its version is not the pinned one');
  }
  return { session, receiver, message };
}
