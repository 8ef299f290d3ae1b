import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../base/assert.ts';
import { buildEventFrames, type EventSlices } from './event-frame.ts';
import { HUB_LIMITS } from './limits.ts';
import { Segment } from './segment.ts';
import type { StartPosition } from './selector.ts';

export interface LastEvent {
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly enqueuedAtMs: number;
}

/** Of a partition that was never written, as the service says it. */
const NO_EVENT: LastEvent = { sequenceNumber: -1, offset: '-1', enqueuedAtMs: 0 };
const STATE_FILE = 'state.json';

interface PartitionState {
  readonly firstSequenceNumber: number;
  readonly last: LastEvent;
}

/** Where an event lies: its segment and the position of its frame in it. */
export interface FramePlace {
  readonly segment: Segment;
  readonly position: number;
}

/**
 * The events of one partition: dense numbers from 0, in segments. Memory holds none of them. `state.json` keeps what
 * segments that are gone knew: the first number retained, and the last event.
 */
export class PartitionLog {
  readonly id: string;
  readonly #folder: string;
  readonly #segments: Segment[] = [];
  readonly #listeners = new Set<() => void>();
  #first: number;
  #last: LastEvent;

  constructor(folder: string, id: string) {
    this.id = id;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const state = readState(join(folder, STATE_FILE));
    this.#openSegments();
    const first = present(this.#segments[0], 'a segment');
    this.#first = Math.max(state.firstSequenceNumber, first.baseSequenceNumber);
    this.#last = state.last;
    const written = this.#segments.findLast((segment) => segment.last !== undefined);
    if (written?.last !== undefined) this.#noteLast(written, written.read(written.last.position, written.last.bytes));
  }

  /** First number still retained; last + 1 where nothing is. */
  get firstSequenceNumber(): number {
    return this.#first;
  }

  get nextSequenceNumber(): number {
    return this.#active.nextSequenceNumber;
  }

  get last(): LastEvent {
    return this.#last;
  }

  get isEmpty(): boolean {
    return this.#first >= this.nextSequenceNumber;
  }

  /** Appends one delivery, whole or not at all. Times never go back within a partition. */
  append(events: EventSlices, nowMs: number, partitionKey?: string, publisher?: string): void {
    if (this.#active.bytes >= HUB_LIMITS.segmentBytesMax) this.#roll();
    const active = this.#active;
    const enqueuedAtMs = Math.max(nowMs, this.#last.enqueuedAtMs);
    const frames = buildEventFrames(events, {
      firstSequenceNumber: active.nextSequenceNumber,
      firstOffset: active.baseOffset + active.bytes,
      enqueuedAtMs,
      partitionKey,
      publisher,
    });
    active.append(frames, events.starts.length, enqueuedAtMs);
    this.#noteLast(active, frames);
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each append, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The number of the first event that a receiver at this position gets; beyond the end it waits for it. */
  locate(position: StartPosition): number {
    return Math.max(this.#first, this.#locateAnywhere(position));
  }

  /** The frame of an event that is retained; undefined where it is not, or not yet. */
  place(sequenceNumber: number): FramePlace | undefined {
    if (sequenceNumber < this.#first || sequenceNumber >= this.nextSequenceNumber) return undefined;
    const segment = present(
      this.#segments.findLast((one) => one.baseSequenceNumber <= sequenceNumber),
      `segment of ${sequenceNumber}`,
    );
    if (sequenceNumber === segment.baseSequenceNumber) return { segment, position: 0 };
    const entry = present(
      segment.find((one) => one.firstSequenceNumber + one.count > sequenceNumber),
      `index entry of ${sequenceNumber}`,
    );
    const frames = segment.read(entry.position, entry.bytes);
    let at = 0;
    for (let number = entry.firstSequenceNumber; number < sequenceNumber; number++) at += frames.readUInt32BE(at);
    return { segment, position: entry.position + at };
  }

  /** Forgets the events before a number: what is asked for below it begins at it from now on. */
  expireBefore(sequenceNumber: number): void {
    const first = Math.min(sequenceNumber, this.nextSequenceNumber);
    if (first <= this.#first) return;
    this.#first = first;
    if (this.isEmpty && this.#active.bytes > 0) this.#roll();
    const state: PartitionState = { firstSequenceNumber: first, last: this.#last };
    const path = join(this.#folder, STATE_FILE);
    writeFileSync(`${path}.new`, JSON.stringify(state), { flush: true });
    renameSync(`${path}.new`, path);
    while (this.#segments.length > 1 && present(this.#segments[1], 'a segment').baseSequenceNumber <= first) {
      this.#segments.shift()?.remove();
    }
  }

  expireOlderThan(timeMs: number): void {
    if (!this.isEmpty) this.expireBefore(this.locate({ kind: 'time', value: timeMs, inclusive: true }));
  }

  close(): void {
    this.#active.sync();
    for (const segment of this.#segments) segment.close();
  }

  get #active(): Segment {
    return present(this.#segments.at(-1), 'the active segment');
  }

  #openSegments(): void {
    const names = readdirSync(this.#folder).toSorted();
    for (const name of names) {
      const segment = Segment.fromName(this.#folder, name);
      if (segment !== undefined) this.#segments.push(segment);
    }
    if (this.#segments.length === 0) this.#segments.push(new Segment(this.#folder, 0, 0));
    for (const segment of this.#segments) segment.recover(segment === this.#active);
  }

  #roll(): void {
    const full = this.#active;
    full.sync();
    this.#segments.push(new Segment(this.#folder, full.nextSequenceNumber, full.baseOffset + full.bytes));
    full.seal();
  }

  #noteLast(segment: Segment, lastFrames: Buffer): void {
    const entry = present(segment.last, 'the last index entry');
    let at = 0;
    for (let i = 1; i < entry.count; i++) at += lastFrames.readUInt32BE(at);
    this.#last = {
      sequenceNumber: segment.nextSequenceNumber - 1,
      offset: String(segment.baseOffset + entry.position + at),
      enqueuedAtMs: entry.enqueuedAtMs,
    };
  }

  #locateAnywhere(position: StartPosition): number {
    switch (position.kind) {
      case 'earliest':
        return this.#first;
      case 'latest':
        return this.nextSequenceNumber;
      case 'sequence':
        return position.inclusive ? position.value : position.value + 1;
      case 'time':
        return this.#firstByTime(position.inclusive ? position.value : position.value + 1);
      case 'offset':
        return this.#firstByOffset(position.inclusive ? position.value : position.value + 1);
    }
  }

  #firstByTime(timeMs: number): number {
    const segment = this.#segments.find((one) => (one.last?.enqueuedAtMs ?? -1) >= timeMs);
    const entry = segment?.find((one) => one.enqueuedAtMs >= timeMs);
    return entry?.firstSequenceNumber ?? this.nextSequenceNumber;
  }

  #firstByOffset(offset: number): number {
    const segment = this.#segments.find((one) => one.baseOffset + one.bytes > offset);
    if (segment === undefined) return this.nextSequenceNumber;
    const wanted = offset - segment.baseOffset;
    const entry = segment.find((one) => one.position + one.bytes > wanted);
    if (entry === undefined) return this.nextSequenceNumber;
    const frames = segment.read(entry.position, entry.bytes);
    let at = 0;
    for (let number = entry.firstSequenceNumber; number < entry.firstSequenceNumber + entry.count; number++) {
      if (entry.position + at >= wanted) return number;
      at += frames.readUInt32BE(at);
    }
    return entry.firstSequenceNumber + entry.count;
  }
}

function readState(path: string): PartitionState {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PartitionState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { firstSequenceNumber: 0, last: NO_EVENT };
  }
}
