import type { CheckpointStore, PartitionCheckpoint } from './eventhubs.ts';

/** What checkpoints are kept in: any store that keeps metadata beside objects without bytes. */
export interface CheckpointObjects {
  put(path: string, data: Uint8Array, signal: AbortSignal, metadata: Readonly<Record<string, string>>): Promise<void>;
  list(
    prefix: string,
    signal: AbortSignal,
    options: { readonly metadata: boolean },
  ): AsyncIterable<{ readonly path: string; readonly metadata?: Readonly<Record<string, string>> }>;
}

/** Whose checkpoints: namespace host without port, hub, consumer group. */
export interface CheckpointScope {
  readonly namespace: string;
  readonly hub: string;
  readonly consumerGroup: string;
}

const NOTHING = new Uint8Array(0);
/** Checkpoints written at once. */
const WRITES_IN_FLIGHT_MAX = 8;

/**
 * Checkpoints in the layout of the Event Hubs SDKs, so that KEDA counts the lag from them and people see them. They
 * follow the tables: one that is behind is normal.
 */
export class Checkpoints implements CheckpointStore {
  private readonly objects: CheckpointObjects;
  private readonly prefix: string;

  constructor(objects: CheckpointObjects, { namespace, hub, consumerGroup }: CheckpointScope) {
    this.objects = objects;
    this.prefix = `${namespace}/${hub}/${consumerGroup}/checkpoint/`.toLowerCase();
  }

  /** Sequence number by partition; one without a readable number counts as none. */
  async read(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    for await (const { path, metadata } of this.objects.list(this.prefix, signal, { metadata: true })) {
      const text = metadata?.['sequencenumber'] ?? '';
      if (/^-?\d{1,16}$/.test(text)) found.set(path.slice(this.prefix.length), Number(text));
    }
    return found;
  }

  async write(checkpoints: readonly PartitionCheckpoint[], signal: AbortSignal): Promise<void> {
    for (let i = 0; i < checkpoints.length; i += WRITES_IN_FLIGHT_MAX) {
      const some = checkpoints.slice(i, i + WRITES_IN_FLIGHT_MAX);
      await Promise.all(
        some.map(({ partitionId, sequenceNumber, offset }) =>
          this.objects.put(`${this.prefix}${partitionId}`, NOTHING, signal, {
            sequencenumber: String(sequenceNumber),
            offset,
          }),
        ),
      );
    }
  }
}
