import net from 'node:net';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { checkControlFrame } from './check-frame.ts';
import { DIRECT_LIMITS } from './direct-limits.ts';
import { FrameParser, ProtocolViolation } from './frame-parser.ts';
import type { FrameSink } from './frame-parser.ts';
import type { IncomingLink } from './incoming-link.ts';
import type { RheaConnection } from './rhea-parts.ts';

const PROTOCOL_A = 0x41;

/**
 * The socket of one connection, which the kernel reads into one buffer of ours. Transfers of our links are parsed
 * where they lie; every other frame goes to rhea as a copy. Nothing is thrown out of here: what is no AMQP destroys the
 * socket with a ProtocolViolation, which rhea reports as the reason of the disconnect.
 */
export class OwnSocket implements FrameSink {
  private readonly connection: RheaConnection;
  private readonly parser = new FrameParser();
  private readonly links = new Map<number, IncomingLink>();
  private byChannel: (IncomingLink | undefined)[] = [];
  private buffer = Buffer.allocUnsafeSlow(DIRECT_LIMITS.readBytes + DIRECT_LIMITS.frameBytesMax);
  private start = 0;
  private end = 0;
  private socket: Socket | undefined;
  private watch: NodeJS.Timeout | undefined;
  private reading: NodeJS.Immediate | undefined;
  private isBroken = false;
  isHeld = false;

  constructor(connection: RheaConnection) {
    this.connection = connection;
    connection.options.connect = (port, host, options, connected) =>
      this.connect(port, host, options as object, connected);
    // Unheard, the first would be printed with all the bytes and the second thrown; we look at saved_error instead.
    for (const event of ['protocol_error', 'error']) connection.on(event, () => undefined);
  }

  /** Takes the transfers of the peer's channel from now on; an older link of that channel is forgotten. */
  add(link: IncomingLink): void {
    this.byChannel[link.channel] = link;
    this.links.set(link.channel, link);
  }

  linkOf(channel: number): IncomingLink | undefined {
    return this.byChannel[channel];
  }

  control(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] !== PROTOCOL_A) checkControlFrame(bytes, start, end);
    this.connection.input(Buffer.from(bytes.subarray(start, end)));
    if (this.connection.saved_error !== undefined) throw this.connection.saved_error;
  }

  /** A link is over its share, or no longer: exact, since the parser looks after every frame. */
  holdChanged(): void {
    let isHeld = false;
    for (const link of this.links.values()) isHeld ||= link.isOverfull;
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    if (isHeld) this.keepWatch();
    // Not at once: the one who pulled is answered first, and may pull again.
    else setImmediate(() => this.resume());
  }

  /** All links are broken, with this. */
  fail(error: Error): void {
    this.isBroken = true;
    clearInterval(this.watch);
    for (const link of this.links.values()) link.fail(error);
  }

  /** Always with an error: rhea hears of nothing else, and its timers would outlive the socket. */
  destroy(error: Error): void {
    this.isBroken = true;
    clearInterval(this.watch);
    this.socket?.destroy(error);
  }

  private connect(port: number, host: string, options: object, connected: () => void): Socket {
    const onread = {
      buffer: () => this.room(),
      callback: (bytes: number) => {
        this.end += bytes;
        if (this.end - this.start >= DIRECT_LIMITS.parseBytes) this.read();
        else this.reading ??= setImmediate(() => this.readRest());
        this.compact();
        return !this.isHeld;
      },
    };
    if (this.connection.options.transport === 'tcp') {
      this.socket = net.connect({ port, host, noDelay: true, onread }, connected);
    } else {
      this.socket = tls.connect(
        { ...options, port, host, servername: host, onread } as tls.ConnectionOptions,
        connected,
      );
      this.socket.setNoDelay(true);
    }
    // What came before the end of the socket is read before rhea hears of the end: it may say why.
    for (const event of ['end', 'error', 'close']) this.socket.on(event, () => this.read());
    return this.socket;
  }

  /** After all that came at once: TLS hands on 16 KiB at a time, and to look after the links each time costs much. */
  private readRest(): void {
    this.reading = undefined;
    this.read();
    if (this.isHeld) this.socket?.pause();
  }

  /** Where the kernel may write: a paused TLS socket goes on delivering what it has decrypted. */
  private room(): Buffer {
    if (this.buffer.length - this.end < DIRECT_LIMITS.readBytes) {
      const larger = Math.min(DIRECT_LIMITS.bufferBytesMax, this.buffer.length * 2);
      const grown = Buffer.allocUnsafeSlow(Math.max(larger, this.end + 1));
      this.buffer.copy(grown, 0, 0, this.end);
      this.buffer = grown;
      if (grown.length - this.end < DIRECT_LIMITS.readBytes) {
        this.destroy(new ProtocolViolation('more was delivered to a paused socket than there is room for'));
      }
    }
    return this.buffer.subarray(this.end, this.end + DIRECT_LIMITS.readBytes);
  }

  private read(): void {
    if (this.isHeld || this.isBroken) return;
    try {
      this.connection.heartbeat_in?.refresh();
      this.start = this.parser.parse(this.buffer, this.start, this.end, this);
      for (const link of this.links.values()) link.afterInput();
    } catch (error) {
      this.destroy(asError(error));
    }
  }

  /** Only within the callback of a read: afterwards the next one is already aimed at the buffer's end. */
  private compact(): void {
    const { buffer, start, end } = this;
    if (start === 0) return;
    if (start < end) buffer.copyWithin(0, start, end);
    this.end = end - start;
    this.start = 0;
  }

  private resume(): void {
    if (this.isHeld || this.isBroken) return;
    this.read();
    if (this.isHeld) return;
    clearInterval(this.watch);
    this.watch = undefined;
    this.socket?.resume();
  }

  /** Heartbeats of ours are timers and go on; the peer's lie unread, and rhea must not take that for silence. */
  private keepWatch(): void {
    this.watch ??= setInterval(() => this.connection.heartbeat_in?.refresh(), DIRECT_LIMITS.watchMs).unref();
  }
}

/** What rhea throws over a frame is about the frame. */
function asError(error: unknown): Error {
  if (error instanceof ProtocolViolation) return error;
  return new ProtocolViolation(error instanceof Error ? error.message : String(error), { cause: error });
}
