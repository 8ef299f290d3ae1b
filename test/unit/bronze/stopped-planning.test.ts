import { expect, test } from 'vitest';
import { openMemory } from '../../../src/storage/memory.ts';
import { ingest, openBronzeWorkshop } from '../../support/bronze-lake.ts';
import { SimulatedEventSource } from '../../support/simulated-event-source.ts';

test(
  'a run that is stopped while it asks what the hub holds ends at once, and writes nothing',
  { timeout: 5_000 },
  async () => {
    const workshop = await openBronzeWorkshop();
    const store = openMemory();
    const source = new SimulatedEventSource('calls', 2);
    const soft = new AbortController();
    // A question that nobody answers ends with its signal, as the client's do.
    const asking = new EventTarget();
    const unanswered = (_: string, signal?: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        asking.dispatchEvent(new Event('asked'));
      });
    Object.assign(source, { partitionProperties: unanswered });
    asking.addEventListener('asked', () => soft.abort());
    const outcome = await ingest(workshop, store, source, { softStop: soft.signal });
    expect(outcome).toMatchObject({ outcome: 'stopped', errors: [], commits: 0, partitions: [] });
    for await (const { path } of store.list('', new AbortController().signal)) expect.unreachable(path);
    await workshop.close();
  },
);
