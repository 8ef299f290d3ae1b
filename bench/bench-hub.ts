import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubProducerClient } from '@azure/event-hubs';
import { easyBody, legBody, randomNumbers } from './bodies.ts';

export interface BenchHub {
  readonly connectionString: string;
  readonly tlsConnectionString: string;
  /** What clients over TLS have to trust, PEM. */
  readonly certificateFile: string;
  readonly hub: string;
  readonly folder: string;
  readonly partitionIds: readonly string[];
  /** CPU seconds that the hub's process has used so far. */
  cpuSeconds(): Promise<number>;
  /** Sends events evenly to all partitions, others each time; gives the bytes of their bodies. */
  fill(events: number, bodies?: Bodies): Promise<number>;
  stop(): Promise<void>;
}

/** A local Event Hubs in its own process, with the pipeline's hub `call_legs`. */
export async function startBenchHub(partitions: number, tlsPort?: number): Promise<BenchHub> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-hub-'));
  const hub = 'call_legs';
  const child = fork(new URL('hub-process.ts', import.meta.url), [
    folder,
    hub,
    String(partitions),
    ...(tlsPort === undefined ? [] : [String(tlsPort)]),
  ]);
  const ask = <T>(question?: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the hub ended with ${code}`));
      child.once('exit', ended);
      child.once('message', (answer) => {
        child.off('exit', ended);
        resolve(answer as T);
      });
      if (question !== undefined) child.send(question);
    });
  type Addresses = Pick<BenchHub, 'connectionString' | 'tlsConnectionString' | 'certificateFile'>;
  const addresses = await ask<Addresses>();
  let times = 0;
  const partitionIds = Array.from({ length: partitions }, (_, index) => String(index));
  return {
    ...addresses,
    hub,
    folder,
    partitionIds,
    cpuSeconds: async () => (await ask<{ cpuSeconds: number }>('cpu')).cpuSeconds,
    fill: (events, bodies = 'hard') =>
      fill(addresses.connectionString, hub, partitionIds, events, bodiesOf(bodies, times++)),
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Bodies that compress as real ones do, about 5 to 1, or those of a loop that writes the same again, 18 to 1. */
export type Bodies = 'hard' | 'easy';
const BODIES = { hard: legBody, easy: easyBody } as const;

function bodiesOf(bodies: Bodies, times: number): () => string {
  const random = randomNumbers(20260105 + times);
  return () => BODIES[bodies](random);
}

async function fill(
  connection: string,
  hub: string,
  partitionIds: readonly string[],
  events: number,
  nextBody: () => string,
): Promise<number> {
  const producer = new EventHubProducerClient(connection, hub);
  let bytes = 0;
  for (const [index, partitionId] of partitionIds.entries()) {
    const share = Math.floor(events / partitionIds.length) + (index < events % partitionIds.length ? 1 : 0);
    let batch = await producer.createBatch({ partitionId });
    for (let sent = 0; sent < share; sent++) {
      const body = Buffer.from(nextBody());
      bytes += body.length;
      if (batch.tryAdd({ body })) continue;
      await producer.sendBatch(batch);
      batch = await producer.createBatch({ partitionId });
      batch.tryAdd({ body });
    }
    if (batch.count > 0) await producer.sendBatch(batch);
  }
  await producer.close();
  return bytes;
}
