import { LENGTH_BYTES } from '../base/byte-column.ts';
import type { EventSource } from '../eventhubs/eventhubs.ts';
import { progressBar } from './progress.ts';

export interface ReceiveProgress {
  /** The source with what it gives counted. */
  watch(source: EventSource): EventSource;
  end(): void;
}

/** Events and bytes received so far, on a terminal only. */
export function receiveProgress(): ReceiveProgress {
  if (!process.stderr.isTTY) return { watch: (source) => source, end: () => {} };
  const bar = progressBar('receiving');
  return {
    watch: (source) => ({
      namespace: source.namespace,
      hub: source.hub,
      hubProperties: (signal) => source.hubProperties(signal),
      partitionProperties: (id, signal) => source.partitionProperties(id, signal),
      async *receive(request, signal) {
        for await (const batch of source.receive(request, signal)) {
          const bytes = (batch.bodies.ends[batch.count - 1] ?? 0) - batch.count * LENGTH_BYTES;
          bar.add(batch.count, bytes);
          yield batch;
        }
      },
      close: () => source.close(),
    }),
    end: () => bar.end(),
  };
}
