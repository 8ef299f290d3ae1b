import { LIMITS } from '../../base/limits.ts';
import { EventColumns } from '../event-columns.ts';
import type { EventBatch } from '../eventhubs.ts';
import { APPENDED, appendEvent, lastSequenceNumber } from './append-event.ts';
import { DIRECT_LIMITS } from './direct-limits.ts';
import { ProtocolViolation } from './frame-parser.ts';
import type { TransferHead, TransferSink } from './frame-parser.ts';
import type { RheaLink } from './rhea-parts.ts';
import { flowTo, peerChannel, peerHandle, writeDisposition } from './rhea-parts.ts';

export interface LinkRange {
  readonly partitionId: string;
  /** Inclusive, both. */
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  readonly bytesMax: number;
}

/** What the link tells its connection. */
export interface LinkEvents {
  /** It has more than its share, or no longer: the socket is to be paused, or read again. */
  holdChanged(): void;
  /** The first message of the partition that is no AMQP. */
  malformed(sequenceNumber: number): void;
}

interface Pull {
  resolve(batch: EventBatch | undefined): void;
  reject(error: unknown): void;
}

/**
 * Events of one partition between the socket and the one who pulls. It never holds more than its share and one event:
 * credit is what the rest of the share has room for, by the largest event of late; where events grow under way, the
 * socket is paused at the very event that fills the share.
 */
export class IncomingLink implements TransferSink {
  readonly handle: number;
  private readonly link: RheaLink;
  private readonly range: LinkRange;
  private readonly events: LinkEvents;
  private wanted: number;
  private columns: EventColumns | undefined;
  private columnsBytes = 0;
  private columnsEventsMax = 0;
  /** Columns that were given back, to be filled again: new ones for each batch would keep the collector busy. */
  private readonly free: EventColumns[] = [];
  private freeBytes = 0;
  private readonly ready: { readonly batch: EventBatch; readonly bytes: number }[] = [];
  private readyBytes = 0;
  private pull: Pull | undefined;
  private linger: NodeJS.Timeout | undefined;
  private failure: Error | undefined;
  private isClosed = false;
  /** Bytes of the messages of the last batch, and their number: what the next batch is laid out for. */
  private averageBytes = 512;
  private largest = 0;
  private largestBefore: number = LIMITS.eventBytesMax;
  private windowEvents = 0;
  /** Since the last settlement with rhea's own counters. */
  private frames = 0;
  private messages = 0;
  private parts: Buffer[] | undefined;
  private partsBytes = 0;
  private partsDeliveryId = -1;
  private unsettledFirst = -1;
  private unsettledLast = -1;
  private warned = false;

  constructor(link: RheaLink, range: LinkRange, events: LinkEvents) {
    this.link = link;
    this.handle = peerHandle(link);
    this.range = range;
    this.events = events;
    this.wanted = range.firstSequenceNumber;
  }

  /** Bytes that wait here, by what they take in the columns. */
  get heldBytes(): number {
    return this.readyBytes + this.columnsBytes;
  }

  /** More than the share waits. */
  get isOverfull(): boolean {
    return !this.isClosed && this.heldBytes > this.range.bytesMax;
  }

  /** The next number wanted: what came before it was handed over, or waits here. */
  get nextWanted(): number {
    return this.wanted;
  }

  transfer(head: TransferHead, bytes: Buffer, start: number, end: number): void {
    this.frames++;
    if (this.parts !== undefined || head.hasMore || head.isAborted) return this.takePart(head, bytes, start, end);
    this.settleLater(head.deliveryId, head.isSettled);
    this.message(bytes, start, end);
  }

  /** After each piece of input: rhea's counters, credit, dispositions, and what waits for a batch. */
  afterInput(): void {
    if (this.frames === 0) return;
    if (this.unsettledFirst >= 0) this.settle();
    flowTo(this.link, this.frames, this.messages, this.isClosed ? undefined : this.creditWanted());
    this.frames = 0;
    this.messages = 0;
    if (this.pull !== undefined) this.serve();
  }

  /** The next batch; undefined: the range is done. Rejects with what broke the link, after all that came before. */
  next(): Promise<EventBatch | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<EventBatch | undefined>();
    this.pull = { resolve, reject };
    this.serve();
    return promise;
  }

  /** The link is broken; what it has may still be pulled. */
  fail(error: Error): void {
    this.failure ??= error;
    if (this.pull !== undefined) this.serve();
  }

  /** Gives the first credit. */
  start(): void {
    flowTo(this.link, 0, 0, this.creditWanted());
  }

  /** Transfers under way are counted and dropped. Memory goes back now, that of a batch once it is released. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.linger);
    this.columns?.discard();
    this.columns = undefined;
    this.parts = undefined;
    for (const { batch } of this.ready.splice(0)) batch.release?.();
    for (const columns of this.free.splice(0)) columns.discard();
    this.columnsBytes = 0;
    this.readyBytes = 0;
    this.events.holdChanged();
  }

  get channel(): number {
    return peerChannel(this.link);
  }

  private takePart(head: TransferHead, bytes: Buffer, start: number, end: number): void {
    if (this.parts === undefined) {
      this.parts = [];
      this.partsBytes = 0;
      this.partsDeliveryId = head.deliveryId;
    } else if (head.deliveryId >= 0 && head.deliveryId !== this.partsDeliveryId) {
      throw new ProtocolViolation('a message that begins before the one before it has ended');
    }
    this.partsBytes += end - start;
    if (this.partsBytes > DIRECT_LIMITS.messageBytesMax) throw new ProtocolViolation('a message without end');
    if (head.isAborted) this.parts = [];
    else this.parts.push(Buffer.from(bytes.subarray(start, end)));
    if (head.hasMore && !head.isAborted) return;
    const whole = this.parts.length === 0 ? undefined : Buffer.concat(this.parts);
    this.parts = undefined;
    // An aborted delivery is settled by its sender, and was a delivery all the same.
    this.settleLater(this.partsDeliveryId, head.isSettled || head.isAborted);
    if (whole === undefined) this.messages++;
    else this.message(whole, 0, whole.length);
  }

  private message(bytes: Buffer, start: number, end: number): void {
    this.messages++;
    if (this.isClosed) return;
    const size = end - start;
    this.noteSize(size);
    const columns = this.columns ?? this.newColumns();
    const { wanted } = this;
    const appended = appendEvent(columns, bytes, start, end, wanted, this.range.lastSequenceNumber);
    if (appended === APPENDED.before) return;
    const sequenceNumber = lastSequenceNumber();
    this.wanted = sequenceNumber + 1;
    if (appended === APPENDED.after) return this.seal();
    if (appended === APPENDED.malformed) this.warn(sequenceNumber);
    this.columnsBytes += size + DIRECT_LIMITS.eventOverheadBytes;
    const isLast = sequenceNumber >= this.range.lastSequenceNumber;
    if (isLast || columns.count === this.columnsEventsMax || this.columnsBytes >= this.batchBytes) this.seal();
    if (this.heldBytes > this.range.bytesMax) this.events.holdChanged();
  }

  private get batchBytes(): number {
    return Math.min(DIRECT_LIMITS.batchBytesMax, this.range.bytesMax / 4);
  }

  private newColumns(): EventColumns {
    const remaining = this.range.lastSequenceNumber - this.wanted + 1;
    const fitting = Math.ceil((this.batchBytes / (this.averageBytes + DIRECT_LIMITS.eventOverheadBytes)) * 1.1);
    const eventsMax = Math.max(1, Math.min(DIRECT_LIMITS.batchEventsMax, remaining, fitting));
    const bytes = Math.min(this.batchBytes, Math.ceil(eventsMax * this.averageBytes * 1.1));
    this.columns = this.takeFree(eventsMax) ?? new EventColumns(this.range.partitionId, eventsMax, bytes);
    this.columnsEventsMax = Math.min(eventsMax, this.columns.eventsMax);
    return this.columns;
  }

  /** Those that take half of the events at least. */
  private takeFree(eventsMax: number): EventColumns | undefined {
    const columns = this.free.pop();
    if (columns === undefined) return undefined;
    this.freeBytes -= columns.heldBytes;
    if (columns.eventsMax < eventsMax / 2) {
      columns.discard();
      return undefined;
    }
    columns.reset();
    return columns;
  }

  private giveBack(columns: EventColumns): void {
    const { heldBytes } = columns;
    if (this.isClosed || this.freeBytes + heldBytes > DIRECT_LIMITS.freeShares * this.range.bytesMax) {
      columns.discard();
      return;
    }
    this.free.push(columns);
    this.freeBytes += heldBytes;
  }

  private seal(): void {
    const { columns } = this;
    if (columns === undefined || columns.count === 0) return;
    const { count } = columns;
    this.averageBytes = Math.max(64, this.columnsBytes / count - DIRECT_LIMITS.eventOverheadBytes);
    const batch = { ...columns.batch(), release: once(() => this.giveBack(columns)) };
    this.ready.push({ batch, bytes: this.columnsBytes });
    this.readyBytes += this.columnsBytes;
    this.columns = undefined;
    this.columnsBytes = 0;
  }

  private noteSize(size: number): void {
    if (size > this.largest) this.largest = size;
    if (++this.windowEvents < DIRECT_LIMITS.sizeWindowEvents && this.largestBefore < LIMITS.eventBytesMax) return;
    this.largestBefore = this.largest;
    this.largest = 0;
    this.windowEvents = 0;
  }

  private creditWanted(): number {
    if (this.wanted > this.range.lastSequenceNumber) return 0;
    const room = this.range.bytesMax - this.heldBytes;
    const each = Math.max(this.largest, this.largestBefore) + DIRECT_LIMITS.eventOverheadBytes;
    // One event has room in a share that is empty, however large it is.
    const least = this.heldBytes === 0 ? 1 : 0;
    return Math.max(least, Math.min(DIRECT_LIMITS.creditMax, Math.floor(room / each)));
  }

  private serve(): void {
    const isDone = this.wanted > this.range.lastSequenceNumber;
    if (this.failure !== undefined || isDone) this.seal();
    if (this.ready.length > 0) this.handOver();
    else if (isDone) this.takePull()?.resolve(undefined);
    else if (this.failure !== undefined) this.takePull()?.reject(this.failure);
    else if ((this.columns?.count ?? 0) > 0) this.linger ??= setTimeout(() => this.endLinger(), DIRECT_LIMITS.lingerMs);
  }

  private endLinger(): void {
    this.linger = undefined;
    if (this.pull === undefined || this.isClosed) return;
    this.seal();
    this.serve();
  }

  private handOver(): void {
    const taken = this.ready.shift();
    if (taken === undefined) return;
    clearTimeout(this.linger);
    this.linger = undefined;
    this.readyBytes -= taken.bytes;
    if (this.failure === undefined) flowTo(this.link, 0, 0, this.creditWanted());
    this.events.holdChanged();
    this.takePull()?.resolve(taken.batch);
  }

  private takePull(): Pull | undefined {
    const { pull } = this;
    this.pull = undefined;
    return pull;
  }

  private settleLater(deliveryId: number, isSettled: boolean): void {
    if (isSettled) return;
    if (deliveryId < 0) throw new ProtocolViolation('an unsettled transfer without a delivery-id');
    if (this.unsettledFirst >= 0 && deliveryId !== this.unsettledLast + 1) this.settle();
    if (this.unsettledFirst < 0) this.unsettledFirst = deliveryId;
    this.unsettledLast = deliveryId;
  }

  private settle(): void {
    writeDisposition(this.link, this.unsettledFirst, this.unsettledLast);
    this.unsettledFirst = -1;
  }

  private warn(sequenceNumber: number): void {
    if (!this.warned) this.events.malformed(sequenceNumber);
    this.warned = true;
  }
}

/** A batch that is given back twice must not be filled for two others. */
function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}
