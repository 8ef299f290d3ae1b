import { HUB_LIMITS } from './limits.ts';
import type { FramePlace, PartitionLog } from './partition-log.ts';

/** Whole frames of consecutive events in a buffer that nobody else uses. */
export interface FrameRun {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Reads a partition forwards, a chunk at a time; events that expired meanwhile are skipped. */
export class FrameReader {
  /** The next one to read. */
  sequenceNumber: number;
  readonly #log: PartitionLog;
  #place: FramePlace | undefined;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkAt = 0;

  constructor(log: PartitionLog, sequenceNumber: number) {
    this.#log = log;
    this.sequenceNumber = sequenceNumber;
  }

  get isAtEnd(): boolean {
    return this.sequenceNumber >= this.#log.nextSequenceNumber;
  }

  /** At most `countMax` events, undefined where there is none yet. */
  take(countMax: number): FrameRun | undefined {
    if (this.sequenceNumber < this.#log.firstSequenceNumber) this.#skipTo(this.#log.firstSequenceNumber);
    if (this.isAtEnd || countMax < 1) return undefined;
    if (this.#wholeFrameBytes(this.#chunkAt) === undefined) this.#fill();
    const start = this.#chunkAt;
    let count = 0;
    while (count < countMax) {
      const bytes = this.#wholeFrameBytes(this.#chunkAt);
      if (bytes === undefined) break;
      this.#chunkAt += bytes;
      count++;
    }
    this.sequenceNumber += count;
    const run = this.#chunk.subarray(start, this.#chunkAt);
    if (this.#place !== undefined) {
      this.#place = { segment: this.#place.segment, position: this.#place.position + run.length };
    }
    return { bytes: run, count };
  }

  #skipTo(sequenceNumber: number): void {
    this.sequenceNumber = sequenceNumber;
    this.#place = undefined;
    this.#chunk = Buffer.alloc(0);
    this.#chunkAt = 0;
  }

  #wholeFrameBytes(at: number): number | undefined {
    if (at + 4 > this.#chunk.length) return undefined;
    const bytes = this.#chunk.readUInt32BE(at);
    return at + bytes > this.#chunk.length ? undefined : bytes;
  }

  #fill(): void {
    const known = this.#place;
    const goesOn = known !== undefined && known.position < known.segment.bytes;
    const place = goesOn ? known : this.#log.place(this.sequenceNumber);
    if (place === undefined) return;
    this.#place = place;
    this.#chunk = place.segment.read(place.position, HUB_LIMITS.readChunkBytes);
    this.#chunkAt = 0;
    const frameBytes = this.#chunk.readUInt32BE(0);
    if (frameBytes > this.#chunk.length) this.#chunk = place.segment.read(place.position, frameBytes);
  }
}
