import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/limits.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { openEventSink, openEventSource } from '../../src/eventhubs/eventhubs.ts';
import type { EventBatch, Receiver } from '../../src/eventhubs/eventhubs.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';

const never = new AbortController().signal;

export interface BrokenHub {
  readonly hub: RunningHub;
  close(): Promise<void>;
}

/** A local hub with these hubs of one partition. */
export async function hubWith(names: readonly string[], clock: Clock = systemClock): Promise<BrokenHub> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-breaks-'));
  const hubs = names.map((name) => ({ name, partitionCount: 1, consumerGroups: [] }));
  const hub = await startHub({ amqpPort: 0, tlsPort: 'off', healthPort: 'off', dataFolder: folder, hubs, clock });
  return {
    hub,
    close: async () => {
      await hub.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function sendNumbered(hub: RunningHub, name: string, count: number, bytes = 0): Promise<void> {
  const sink = openEventSink({ connection: hub.connectionString, hub: name });
  const bodies = Array.from({ length: count }, (_, i) => Buffer.from(`{"n":${i}}`.padEnd(bytes)));
  await sink.send(
    bodies.map((body) => ({ body })),
    never,
  );
  await sink.close();
}

export interface Drain {
  readonly hub: RunningHub;
  readonly name: string;
  readonly receiver: Receiver;
  readonly last: number;
  /** What happens at each batch, before the next is asked for. */
  readonly atBatch?: (batch: EventBatch, index: number) => void | Promise<void>;
  readonly clock?: Clock;
  readonly bytesMax?: number;
  readonly stallMsMax?: number;
}

export interface Drained {
  readonly numbers: readonly number[];
  /** Why a receiver was opened anew, each time. */
  readonly breaks: readonly string[];
}

/** Reads numbers 0 to `last`. */
export async function drain(options: Drain): Promise<Drained> {
  const { hub, name, receiver, last, atBatch, clock = systemClock } = options;
  const breaks: string[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => void breaks.push(`${message}: ${fields?.['reason']}`) };
  const source = openEventSource({
    connection: hub.connectionString,
    receiver,
    hub: name,
    consumerGroup: '$Default',
    clock,
    log,
    random: () => 0.1,
    stallMsMax: options.stallMsMax ?? 60_000,
  });
  const request = {
    partitionId: '0',
    firstSequenceNumber: 0,
    lastSequenceNumber: last,
    ownerLevel: 3,
    consumerGroup: '$Default',
    bytesMax: options.bytesMax ?? MiB,
  };
  const numbers: number[] = [];
  let batches = 0;
  try {
    for await (const batch of source.receive(request, never)) {
      for (let i = 0; i < batch.count; i++) numbers.push(Number(batch.sequenceNumbers[i]));
      await atBatch?.(batch, batches++);
    }
  } finally {
    await source.close();
  }
  return { numbers, breaks };
}

export const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, i) => i);
