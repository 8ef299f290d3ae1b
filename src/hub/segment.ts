import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';

/** One append: events of one delivery, all enqueued at the same instant. */
export interface IndexEntry {
  readonly firstSequenceNumber: number;
  readonly count: number;
  /** Of the first frame, from the start of the segment. */
  readonly position: number;
  readonly bytes: number;
  readonly checksum: number;
  readonly enqueuedAtMs: number;
}

const ENTRY_BYTES = 32;
const INDEX_GROWTH_ENTRIES = 1024;
const NAME = /^(\d{16})-(\d{16})\.events$/;

/**
 * Frames in `<first sequence>-<first offset>.events`, and an entry for each append in the `.index` beside it. An
 * append is there once its entry is: frames are written first, so a torn tail is frames without an entry, or an
 * entry whose checksum is wrong, and `recover` cuts both off. Only the last segment of a partition keeps its index
 * in memory; of the others it is read when somebody asks for a place.
 */
export class Segment {
  readonly baseSequenceNumber: number;
  readonly baseOffset: number;
  /** Committed bytes of frames. */
  bytes = 0;
  nextSequenceNumber: number;
  last: IndexEntry | undefined;
  readonly #path: string;
  readonly #frames: number;
  readonly #index: number;
  #entries = Buffer.alloc(0);
  #entryCount = 0;
  #sealed = false;

  constructor(folder: string, baseSequenceNumber: number, baseOffset: number) {
    this.baseSequenceNumber = baseSequenceNumber;
    this.nextSequenceNumber = baseSequenceNumber;
    this.baseOffset = baseOffset;
    this.#path = join(folder, `${digits(baseSequenceNumber)}-${digits(baseOffset)}`);
    this.#frames = openOrCreate(`${this.#path}.events`);
    this.#index = openOrCreate(`${this.#path}.index`);
  }

  /** The segment of a file name, or undefined where the name is none of a segment. */
  static fromName(folder: string, name: string): Segment | undefined {
    const match = NAME.exec(name);
    return match === null ? undefined : new Segment(folder, Number(match[1]), Number(match[2]));
  }

  /** Takes up what an earlier process wrote; with `verify` every append is checked and a torn tail cut off. */
  recover(verify: boolean): void {
    this.#loadIndex();
    const size = fstatSync(this.#frames).size;
    let good = 0;
    for (let i = 0; i < this.#entryCount; i++) {
      const entry = readEntry(this.#entries, i);
      if (!this.#isNext(entry, size) || (verify && this.#checksum(entry) !== entry.checksum)) break;
      this.#count(entry);
      good = i + 1;
    }
    this.#entryCount = good;
    if (verify) {
      ftruncateSync(this.#frames, this.bytes);
      ftruncateSync(this.#index, good * ENTRY_BYTES);
    } else this.seal();
  }

  /** Durable against the end of this process when it returns; where it throws nothing was appended. */
  append(frames: Buffer, count: number, enqueuedAtMs: number): void {
    assert(!this.#sealed, 'a sealed segment takes no more events');
    const entry: IndexEntry = {
      firstSequenceNumber: this.nextSequenceNumber,
      count,
      position: this.bytes,
      bytes: frames.length,
      checksum: crc32(frames),
      enqueuedAtMs,
    };
    writeAll(this.#frames, frames, this.bytes);
    if ((this.#entryCount + 1) * ENTRY_BYTES > this.#entries.length) this.#growIndex();
    const start = this.#entryCount * ENTRY_BYTES;
    writeEntry(this.#entries, start, entry);
    writeAll(this.#index, this.#entries.subarray(start, start + ENTRY_BYTES), start);
    this.#entryCount++;
    this.#count(entry);
  }

  /** Up to `length` committed bytes from `position`, in a buffer of its own. */
  read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.min(length, this.bytes - position));
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(this.#frames, bytes, done, bytes.length - done, position + done);
      assert(got > 0, `segment ${this.#path} is shorter than its index says`);
      done += got;
    }
    return bytes;
  }

  /** The first append for which `isThere` holds; it must be false, then true, in the order of the log. */
  find(isThere: (entry: IndexEntry) => boolean): IndexEntry | undefined {
    if (this.#sealed) this.#loadIndex();
    let low = 0;
    let high = this.#entryCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isThere(readEntry(this.#entries, middle))) high = middle;
      else low = middle + 1;
    }
    const found = low < this.#entryCount ? readEntry(this.#entries, low) : undefined;
    if (this.#sealed) this.#entries = Buffer.alloc(0);
    return found;
  }

  /** No more appends: the index leaves memory, and the bytes go to the disk itself. */
  seal(): void {
    if (this.#sealed) return;
    this.#sealed = true;
    this.#entries = Buffer.alloc(0);
  }

  sync(): void {
    fdatasyncSync(this.#frames);
    fdatasyncSync(this.#index);
  }

  close(): void {
    closeSync(this.#frames);
    closeSync(this.#index);
  }

  remove(): void {
    this.close();
    rmSync(`${this.#path}.events`, { force: true });
    rmSync(`${this.#path}.index`, { force: true });
  }

  #loadIndex(): void {
    const size = fstatSync(this.#index).size;
    this.#entries = Buffer.alloc(size);
    readSync(this.#index, this.#entries, 0, size, 0);
    this.#entryCount = Math.floor(size / ENTRY_BYTES);
  }

  #growIndex(): void {
    const grown = Buffer.alloc(this.#entries.length * 2 + INDEX_GROWTH_ENTRIES * ENTRY_BYTES);
    this.#entries.copy(grown);
    this.#entries = grown;
  }

  #isNext(entry: IndexEntry, fileBytes: number): boolean {
    const follows = entry.position === this.bytes && entry.firstSequenceNumber === this.nextSequenceNumber;
    return follows && entry.count > 0 && entry.position + entry.bytes <= fileBytes;
  }

  #checksum(entry: IndexEntry): number {
    const bytes = Buffer.allocUnsafe(entry.bytes);
    const got = readSync(this.#frames, bytes, 0, entry.bytes, entry.position);
    return crc32(bytes.subarray(0, got));
  }

  #count(entry: IndexEntry): void {
    this.bytes += entry.bytes;
    this.nextSequenceNumber += entry.count;
    this.last = entry;
  }
}

function writeEntry(out: Buffer, start: number, entry: IndexEntry): void {
  out.writeUIntBE(entry.firstSequenceNumber, start, 6);
  out.writeUInt32BE(entry.count, start + 6);
  out.writeUIntBE(entry.position, start + 10, 6);
  out.writeUInt32BE(entry.bytes, start + 16);
  out.writeUInt32BE(entry.checksum, start + 20);
  out.writeUIntBE(entry.enqueuedAtMs, start + 24, 6);
}

function readEntry(entries: Buffer, index: number): IndexEntry {
  const start = index * ENTRY_BYTES;
  return {
    firstSequenceNumber: entries.readUIntBE(start, 6),
    count: entries.readUInt32BE(start + 6),
    position: entries.readUIntBE(start + 10, 6),
    bytes: entries.readUInt32BE(start + 16),
    checksum: entries.readUInt32BE(start + 20),
    enqueuedAtMs: entries.readUIntBE(start + 24, 6),
  };
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

function openOrCreate(path: string): number {
  // Not 'a': appends would ignore the position, and a failed append must be overwritten by the next one.
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(path, 'w+');
  }
}

function digits(value: number): string {
  return String(value).padStart(16, '0');
}
