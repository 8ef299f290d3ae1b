import { entryStart } from '../base/byte-column.ts';
import type { ByteColumn } from '../base/byte-column.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';

/** Events of all partitions of a hub, up to a number of bytes. */
export class EventBuffer {
  private readonly bytesMax: number;
  private readonly batches = new Map<string, EventBatch[]>();
  private heldBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.heldBytes >= this.bytesMax;
  }

  get isEmpty(): boolean {
    return this.batches.size === 0;
  }

  add(batch: EventBatch): void {
    if (batch.count === 0) return;
    const before = this.batches.get(batch.partitionId);
    if (before === undefined) this.batches.set(batch.partitionId, [batch]);
    else before.push(batch);
    this.heldBytes += batch.heldBytes;
  }

  /** All that is held, partition by partition and in order within; the buffer is empty then. */
  take(): EventBatch[] {
    const ids = [...this.batches.keys()].toSorted((a, b) => Number(a) - Number(b));
    const taken = ids.flatMap((id) => this.batches.get(id) ?? []);
    this.batches.clear();
    this.heldBytes = 0;
    return taken;
  }
}

/** Events `from` to before `to` of a batch. Its memory is that of the whole batch. */
export function sliceBatch(batch: EventBatch, from: number, to: number): EventBatch {
  if (from === 0 && to === batch.count) return batch;
  return {
    partitionId: batch.partitionId,
    count: to - from,
    sequenceNumbers: batch.sequenceNumbers.subarray(from, to),
    enqueuedAtUs: batch.enqueuedAtUs.subarray(from, to),
    bodies: sliceColumn(batch.bodies, from, to),
    offsets: sliceColumn(batch.offsets, from, to),
    partitionKeys: sliceColumn(batch.partitionKeys, from, to),
    properties: sliceColumn(batch.properties, from, to),
    heldBytes: batch.heldBytes,
  };
}

function sliceColumn({ bytes, ends, nulls }: ByteColumn, from: number, to: number): ByteColumn {
  const start = entryStart(ends, from);
  const column = { bytes: bytes.subarray(start), ends: ends.slice(from, to).map((end) => end - start) };
  return nulls === undefined ? column : { ...column, nulls: nulls.subarray(from, to) };
}
