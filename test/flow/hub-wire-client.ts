import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import rhea from 'rhea';
import { until } from './hub-support.ts';

/** A value as it stood on the wire, with its type code. */
export interface Typed {
  readonly type: { readonly typecode: number };
  readonly value: unknown;
  readonly descriptor?: Typed;
}

export interface Frame {
  readonly type: number;
  readonly channel: number;
  /** Descriptor of the performative; 0 for an empty frame. */
  readonly code: number;
  readonly fields: readonly Typed[];
  readonly payload: Buffer;
}

type Maker = (fields: object) => object;
interface FrameCodec {
  readonly open: Maker;
  readonly begin: Maker;
  readonly attach: Maker;
  readonly flow: Maker;
  readonly transfer: Maker;
  readonly detach: Maker;
  readonly end: Maker;
  readonly close: Maker;
  readonly sasl_init: Maker;
  amqp_frame(channel: number, performative: object, payload?: Buffer): object;
  sasl_frame(performative: object): object;
  write_frame(frame: object): Buffer;
}
interface TypeCodec {
  Reader: new (bytes: Buffer) => { read(): Typed; remaining(): number; position: number };
}

const require = createRequire(import.meta.url);
export const frames = require('rhea/lib/frames.js') as FrameCodec;
const terminus = require('rhea/lib/terminus.js') as { source: Maker; target: Maker };
const { Reader } = rhea.types as unknown as TypeCodec;

export const OPEN = 0x10;
export const BEGIN = 0x11;
export const ATTACH = 0x12;
export const FLOW = 0x13;
export const TRANSFER = 0x14;
export const DISPOSITION = 0x15;
export const DETACH = 0x16;
export const CLOSE = 0x18;

/** A client that writes and reads single frames, to stand in for the clients that are not JavaScript. */
export class WireClient {
  readonly frames: Frame[] = [];
  /** The broker's open and begin. */
  readonly opening: Frame[] = [];
  readonly #socket: Socket;
  #input = Buffer.alloc(0);
  #headers = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** Connected, through SASL, open, with one session. */
  static async open(port: number, openFields: object = {}, mechanism = 'ANONYMOUS'): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const client = new WireClient(socket);
    socket.write(Buffer.from('AMQP\x03\x01\x00\x00', 'latin1'));
    await client.next(0x40);
    socket.write(
      frames.write_frame(frames.sasl_frame(frames.sasl_init({ mechanism, initial_response: Buffer.alloc(0) }))),
    );
    await client.next(0x44);
    socket.write(Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'));
    client.send(frames.open({ container_id: 'wire', hostname: 'localhost', ...openFields }));
    client.opening.push(await client.next(OPEN));
    client.send(frames.begin({ next_outgoing_id: 0, incoming_window: 65_536, outgoing_window: 65_536 }));
    client.opening.push(await client.next(BEGIN));
    return client;
  }

  send(performative: object, payload?: Buffer): void {
    this.#socket.write(frames.write_frame(frames.amqp_frame(0, performative, payload)));
  }

  /** The first frame of this kind that was not taken yet; it is taken by this. */
  async next(code: number): Promise<Frame> {
    await until(
      () => this.frames.some((frame) => frame.code === code),
      () => `frame 0x${code.toString(16)}; came: ${this.frames.map((frame) => frame.code.toString(16)).join(' ')}`,
    );
    const index = this.frames.findIndex((frame) => frame.code === code);
    const [frame] = this.frames.splice(index, 1);
    if (frame === undefined) throw new Error('unreachable');
    return frame;
  }

  count(code: number): number {
    return this.frames.filter((frame) => frame.code === code).length;
  }

  /** The client's receiver is the broker's source. */
  attachReceiver(
    handle: number,
    address: string,
    more: { filter?: object; attach?: object; target?: string | null } = {},
  ): void {
    const source = terminus.source({ address, ...(more.filter === undefined ? {} : { filter: more.filter }) });
    const target = more.target === null ? undefined : terminus.target({ address: more.target ?? address });
    this.send(
      frames.attach({
        name: `r${handle}`,
        handle,
        role: true,
        source: (source as { described(): object }).described(),
        ...(target === undefined ? {} : { target: (target as { described(): object }).described() }),
        ...more.attach,
      }),
    );
  }

  attachSender(handle: number, address: string): void {
    const source = (terminus.source({ address }) as { described(): object }).described();
    const target = (terminus.target({ address }) as { described(): object }).described();
    this.send(frames.attach({ name: `s${handle}`, handle, role: false, source, target, initial_delivery_count: 0 }));
  }

  credit(handle: number, linkCredit: number, more: object = {}): void {
    this.send(
      frames.flow({
        next_incoming_id: 0,
        incoming_window: 1_000_000,
        next_outgoing_id: 0,
        outgoing_window: 65_536,
        handle,
        delivery_count: 0,
        link_credit: linkCredit,
        ...more,
      }),
    );
  }

  transfer(handle: number, deliveryId: number, payload: Buffer, more: object = {}): void {
    const tag = Buffer.from([deliveryId]);
    this.send(
      frames.transfer({ handle, delivery_id: deliveryId, delivery_tag: tag, message_format: 0, ...more }),
      payload,
    );
  }

  /** Attaches both links of a node on handles 0 and 1, with credit. */
  async attachNode(node: string, credit = 10): Promise<void> {
    this.attachSender(0, node);
    await this.next(ATTACH);
    await this.next(FLOW);
    this.attachReceiver(1, node, { target: node });
    await this.next(ATTACH);
    this.credit(1, credit);
  }

  /** Puts a token for a hub on `$cbs` (handles 0 and 1), with this message-id and no reply-to. */
  async authorize(hub: string, messageId: unknown = 'request', deliveryId = 0): Promise<Frame> {
    const request = rhea.message.encode({
      message_id: messageId as string,
      application_properties: {
        operation: 'put-token',
        type: 'servicebus.windows.net:sastoken',
        name: `amqps://localhost/${hub}`,
      },
      body: token(`amqps://localhost/${hub}`),
    });
    this.transfer(0, deliveryId, request);
    return this.next(TRANSFER);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    for (;;) {
      // Each protocol header (SASL, then AMQP) comes before its first frame.
      if (this.#headers < 2 && this.#input.subarray(0, 4).toString('latin1') === 'AMQP') {
        this.#input = this.#input.subarray(8);
        this.#headers++;
      }
      if (this.#input.length < 4 || this.#input.length < this.#input.readUInt32BE(0)) return;
      const bytes = this.#input.readUInt32BE(0);
      this.frames.push(parseFrame(Buffer.from(this.#input.subarray(0, bytes))));
      this.#input = this.#input.subarray(bytes);
    }
  }
}

export function token(resource: string): string {
  const escaped = encodeURIComponent(resource);
  const expirySeconds = Math.floor(Date.now() / 1000) + 600;
  const signature = createHmac('sha256', 'SAS_KEY_VALUE').update(`${escaped}\n${expirySeconds}`).digest('base64');
  const encoded = encodeURIComponent(signature);
  return `SharedAccessSignature sr=${escaped}&sig=${encoded}&se=${expirySeconds}&skn=RootManageSharedAccessKey`;
}

/** The sections of a message by descriptor, as typed values. */
export function sectionsOf(payload: Buffer): Map<number, Typed> {
  const reader = new Reader(payload);
  const sections = new Map<number, Typed>();
  while (reader.remaining() > 0) {
    const section = reader.read();
    sections.set(Number(section.descriptor?.value), section);
  }
  return sections;
}

/** A map's values by key, as typed values. */
export function entriesOf(map: Typed | undefined): Record<string, Typed> {
  const items = (map?.value ?? []) as Typed[];
  const entries: Record<string, Typed> = {};
  for (let i = 0; i + 1 < items.length; i += 2) {
    const value = items[i + 1];
    if (value !== undefined) entries[String(items[i]?.value)] = value;
  }
  return entries;
}

function parseFrame(bytes: Buffer): Frame {
  const [type = 0, channel] = [bytes[5], bytes.readUInt16BE(6)];
  if (bytes.length === 8) return { type, channel, code: 0, fields: [], payload: Buffer.alloc(0) };
  const reader = new Reader(bytes.subarray(8));
  const performative = reader.read();
  return {
    type,
    channel,
    code: Number(performative.descriptor?.value),
    fields: performative.value as Typed[],
    payload: bytes.subarray(8 + reader.position),
  };
}
