import { assert } from '../base/assert.ts';
import { entryStart, LENGTH_BYTES, writeLength } from '../base/byte-column.ts';
import type { ByteColumn } from '../base/byte-column.ts';
import { releaseMemory } from '../base/release-memory.ts';
import type { EventBatch } from './eventhubs.ts';

// The columns of numbers are written as pairs of 32-bit words, low word first.
assert(new Uint8Array(new Uint16Array([1]).buffer)[0] === 1, 'the machine is little endian');

const WORD = 2 ** 32;
/** What the arrays of one event take besides its texts: two numbers and four ends. */
const FIXED_BYTES = 8 + 8 + 4 * 4;

/** A growing column of texts; a value is written in parts, and then ended. */
export class ByteColumnBuilder {
  private bytes: Buffer;
  private readonly ends: Uint32Array;
  /** Once there was a null; all zeros before the first. */
  private nulls: Uint8Array | undefined;
  private hasNulls = false;
  /** Where the entry of the value that is being built begins: its length comes last. */
  private begun = 0;
  private used = LENGTH_BYTES;

  constructor(eventsMax: number, bytesExpected: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(16, bytesExpected));
    this.ends = new Uint32Array(eventsMax);
  }

  /** Adds bytes to the value that is being built. */
  write(source: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.used + length > this.bytes.length) this.grow(this.used + length);
    // For a few bytes a loop costs less than the call, and `copy` makes no view of the source.
    if (length > 32) source.copy(this.bytes, this.used, start, end);
    else for (let i = 0; i < length; i++) this.bytes[this.used + i] = source[start + i] as number;
    this.used += length;
  }

  /** Ends value `row`. */
  end(row: number): void {
    if (this.used > this.bytes.length) this.grow(this.used);
    writeLength(this.bytes, this.begun, this.used - this.begun - LENGTH_BYTES);
    this.endEntry(row, this.used);
  }

  /** Takes back what was written of value `row`, ended or not. */
  restart(row: number): void {
    this.begun = entryStart(this.ends, row);
    this.used = this.begun + LENGTH_BYTES;
  }

  endNull(row: number): void {
    this.nulls ??= new Uint8Array(this.ends.length);
    this.nulls[row] = 1;
    this.hasNulls = true;
    this.endEntry(row, this.begun);
  }

  /** Begins anew in the memory that it has. */
  reset(): void {
    this.begun = 0;
    this.used = LENGTH_BYTES;
    if (this.hasNulls) this.nulls?.fill(0);
    this.hasNulls = false;
  }

  /** Gives the memory back at once, which the collector would not for as long as little else is made. */
  discard(): void {
    for (const array of [this.bytes, this.ends, this.nulls]) releaseMemory(array?.buffer);
  }

  column(): ByteColumn {
    const { bytes, ends, nulls } = this;
    return nulls === undefined || !this.hasNulls ? { bytes, ends } : { bytes, ends, nulls };
  }

  /** Of the values that are ended, with their lengths. */
  get usedBytes(): number {
    return this.begun;
  }

  get heldBytes(): number {
    return this.bytes.length + (this.nulls?.length ?? 0);
  }

  private endEntry(row: number, end: number): void {
    this.ends[row] = end;
    this.begun = end;
    this.used = end + LENGTH_BYTES;
  }

  private grow(wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, Math.min(this.used, this.bytes.length)));
    this.bytes = larger;
  }
}

/** Builds one EventBatch, row by row, without an object an event. */
export class EventColumns {
  readonly partitionId: string;
  readonly bodies: ByteColumnBuilder;
  readonly offsets: ByteColumnBuilder;
  readonly partitionKeys: ByteColumnBuilder;
  readonly properties: ByteColumnBuilder;
  count = 0;
  readonly eventsMax: number;
  private readonly sequenceNumbers: BigInt64Array;
  private readonly enqueuedAtUs: BigInt64Array;
  private readonly sequenceWords: Uint32Array;
  private readonly enqueuedWords: Uint32Array;

  constructor(partitionId: string, eventsMax: number, bodyBytesExpected: number) {
    this.partitionId = partitionId;
    this.eventsMax = eventsMax;
    this.sequenceNumbers = new BigInt64Array(eventsMax);
    this.enqueuedAtUs = new BigInt64Array(eventsMax);
    this.sequenceWords = new Uint32Array(this.sequenceNumbers.buffer);
    this.enqueuedWords = new Uint32Array(this.enqueuedAtUs.buffer);
    this.bodies = new ByteColumnBuilder(eventsMax, bodyBytesExpected);
    this.offsets = new ByteColumnBuilder(eventsMax, eventsMax * (12 + LENGTH_BYTES));
    this.partitionKeys = new ByteColumnBuilder(eventsMax, eventsMax * (16 + LENGTH_BYTES));
    this.properties = new ByteColumnBuilder(eventsMax, 0);
  }

  /** Ends the row whose texts were written and ended before. Microseconds up to 2^53. */
  endRow(sequenceNumber: number, enqueuedAtMs: number): void {
    writeWords(this.sequenceWords, this.count, sequenceNumber);
    writeWords(this.enqueuedWords, this.count, enqueuedAtMs * 1000);
    this.count++;
  }

  /** Takes back the texts of the row that has been begun. */
  restartRow(): void {
    for (const column of [this.bodies, this.offsets, this.partitionKeys, this.properties]) column.restart(this.count);
  }

  /** Begins another batch in the memory that it has: nobody may read the one before any more. */
  reset(): void {
    this.count = 0;
    for (const column of [this.bodies, this.offsets, this.partitionKeys, this.properties]) column.reset();
  }

  /** Gives the memory back at once: nobody may read or fill it any more. */
  discard(): void {
    for (const column of [this.bodies, this.offsets, this.partitionKeys, this.properties]) column.discard();
    for (const array of [this.sequenceNumbers, this.enqueuedAtUs]) releaseMemory(array?.buffer);
  }

  get heldBytes(): number {
    const texts = [this.bodies, this.offsets, this.partitionKeys, this.properties];
    return texts.reduce((sum, column) => sum + column.heldBytes, this.sequenceNumbers.length * FIXED_BYTES);
  }

  batch(): EventBatch {
    return {
      partitionId: this.partitionId,
      count: this.count,
      sequenceNumbers: this.sequenceNumbers,
      enqueuedAtUs: this.enqueuedAtUs,
      bodies: this.bodies.column(),
      offsets: this.offsets.column(),
      partitionKeys: this.partitionKeys.column(),
      properties: this.properties.column(),
      heldBytes: this.heldBytes,
    };
  }
}

function writeWords(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / WORD);
  words[2 * row] = value - high * WORD;
  words[2 * row + 1] = high;
}
