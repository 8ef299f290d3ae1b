import { byteColumnOf } from '../../src/base/byte-column.ts';
import { SluiceError } from '../../src/base/errors.ts';
import type {
  EventBatch,
  EventSource,
  HubProperties,
  PartitionProperties,
  ReceiveRequest,
} from '../../src/eventhubs/eventhubs.ts';

/** One partition in memory: dense numbers, of which a prefix may be gone and any may be missing. */
export interface SimulatedPartition {
  readonly events: (string | Buffer)[];
  firstRetained: number;
  readonly missing: Set<number>;
}

/** What the next `receive` meets, by partition: after so many events it throws the error, or does something. */
export interface Interruption {
  readonly afterEvents: number;
  readonly act: () => void | Promise<void>;
}

const TIME_MS = Date.UTC(2026, 0, 5);

/** An EventSource whose hub is in memory: retention, holes and faults at will. It gives batches of `batchEvents`. */
export class SimulatedEventSource implements EventSource {
  readonly namespace = 'simulated.servicebus.windows.net';
  readonly hub: string;
  createdAtMs = Date.UTC(2025, 0, 1);
  batchEvents = 3;
  readonly partitions: SimulatedPartition[];
  readonly interruptions = new Map<string, Interruption>();
  readonly requests: ReceiveRequest[] = [];

  constructor(hub: string, partitionCount: number) {
    this.hub = hub;
    this.partitions = Array.from({ length: partitionCount }, () => ({
      events: [],
      firstRetained: 0,
      missing: new Set<number>(),
    }));
  }

  send(partition: number, ...bodies: readonly (string | Buffer)[]): void {
    this.partition(partition).events.push(...bodies);
  }

  /** Lets the events before this number expire. */
  expireBefore(partition: number, sequenceNumber: number): void {
    const found = this.partition(partition);
    found.firstRetained = Math.max(found.firstRetained, Math.min(sequenceNumber, found.events.length));
  }

  partition(index: number | string): SimulatedPartition {
    const found = this.partitions[Number(index)];
    if (found === undefined) throw new Error(`no partition ${index}`);
    return found;
  }

  async hubProperties(): Promise<HubProperties> {
    return { name: this.hub, createdAtMs: this.createdAtMs, partitionIds: this.partitions.map((_, i) => String(i)) };
  }

  async partitionProperties(partitionId: string): Promise<PartitionProperties> {
    const { events, firstRetained } = this.partition(partitionId);
    const last = events.length - 1;
    return {
      partitionId,
      firstSequenceNumber: firstRetained,
      lastSequenceNumber: last,
      lastEnqueuedAtMs: last < 0 ? undefined : TIME_MS + last,
      lastOffset: last < 0 ? '-1' : String(last * 10),
    };
  }

  async *receive(request: ReceiveRequest, signal: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
    this.requests.push(request);
    const interruption = this.interruptions.get(request.partitionId);
    const partition = this.partition(request.partitionId);
    let given = 0;
    let pending: number[] = [];
    for (let n = request.firstSequenceNumber; n <= request.lastSequenceNumber; n++) {
      signal.throwIfAborted();
      if (interruption !== undefined && given === interruption.afterEvents) {
        this.interruptions.delete(request.partitionId);
        if (pending.length > 0) yield batchOf(partition, request.partitionId, pending);
        pending = [];
        await interruption.act();
      }
      if (n < partition.firstRetained || partition.missing.has(n)) continue;
      pending.push(n);
      given++;
      if (pending.length < this.batchEvents) continue;
      yield batchOf(partition, request.partitionId, pending);
      pending = [];
      await Promise.resolve();
    }
    if (pending.length > 0) yield batchOf(partition, request.partitionId, pending);
    // Nothing at or above the end is there: the service would be silent.
    if (partition.events.length - 1 < request.lastSequenceNumber) {
      throw new SluiceError('receiver_stalled', 'nothing came');
    }
  }

  async close(): Promise<void> {}
}

function batchOf(partition: SimulatedPartition, partitionId: string, numbers: readonly number[]): EventBatch {
  const bodies = numbers.map((n) => Buffer.from(partition.events[n] ?? ''));
  return {
    partitionId,
    count: numbers.length,
    sequenceNumbers: BigInt64Array.from(numbers, BigInt),
    enqueuedAtUs: BigInt64Array.from(numbers, (n) => BigInt(TIME_MS + n) * 1000n),
    bodies: byteColumnOf(bodies),
    offsets: byteColumnOf(numbers.map((n) => Buffer.from(String(n * 10)))),
    partitionKeys: byteColumnOf(numbers.map((n) => (n % 2 === 0 ? Buffer.from(`key-${n}`) : undefined))),
    properties: byteColumnOf(numbers.map((n) => (n % 3 === 0 ? Buffer.from(`{"n":${n}}`) : undefined))),
    heldBytes: 100 * numbers.length,
  };
}
