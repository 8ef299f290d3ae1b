import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventData,
  type EventHubClientOptions,
  type EventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
} from '@azure/event-hubs';
import { startHub, type HubOptions, type RunningHub } from '../../src/hub/hub.ts';

/** Tests must not wait for the clients' own patience of half a minute. */
export const QUICK: EventHubClientOptions = {
  retryOptions: { maxRetries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 500, timeoutInMs: 3_000 },
};
export const NO_RETRY: EventHubClientOptions = { retryOptions: { maxRetries: 0, timeoutInMs: 3_000 } };
export const HUB = 'ivr_calls';

export interface HubFixture {
  readonly folder: string;
  hub: RunningHub;
  /** Closes the clients opened here, the hub and the folder. */
  close(): Promise<void>;
  restart(options?: Partial<HubOptions>): Promise<void>;
  producer(options?: EventHubClientOptions): EventHubProducerClient;
  consumer(group?: string, options?: EventHubClientOptions): EventHubConsumerClient;
}

export async function openHub(options: Partial<HubOptions> = {}): Promise<HubFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'hub-'));
  const start = (port: number, more: Partial<HubOptions> = {}): Promise<RunningHub> =>
    startHub({
      amqpPort: port,
      tlsPort: 'off',
      healthPort: 'off',
      dataFolder: folder,
      hubs: [{ name: HUB, partitionCount: 4, consumerGroups: ['second'] }],
      ...options,
      ...more,
    });
  const clients: { close(): Promise<void> }[] = [];
  const fixture: HubFixture = {
    folder,
    hub: await start(options.amqpPort === undefined ? 0 : Number(options.amqpPort)),
    close: async () => {
      await Promise.allSettled(clients.map((client) => client.close()));
      await fixture.hub.stop();
      rmSync(folder, { recursive: true });
    },
    restart: async (more = {}) => {
      const port = fixture.hub.amqpPort ?? 0;
      await fixture.hub.stop();
      fixture.hub = await start(port, more);
    },
    producer: (clientOptions = QUICK) =>
      keep(new EventHubProducerClient(fixture.hub.connectionString, HUB, clientOptions)),
    consumer: (group = '$Default', clientOptions = QUICK) =>
      keep(new EventHubConsumerClient(group, fixture.hub.connectionString, HUB, clientOptions)),
  };
  const keep = <T extends { close(): Promise<void> }>(client: T): T => {
    clients.push(client);
    return client;
  };
  return fixture;
}

export interface Reception {
  readonly events: ReceivedEventData[];
  readonly errors: Error[];
  /** Resolves when so many events came; rejects after ten seconds. */
  waitFor(count: number): Promise<ReceivedEventData[]>;
  waitForError(): Promise<Error>;
  stop(): Promise<void>;
}

/** Reads one partition from a position, as the genuine client does. */
export function receive(
  client: EventHubConsumerClient,
  partitionId: string,
  startPosition: EventPosition,
  options: SubscribeOptions = {},
): Reception {
  const events: ReceivedEventData[] = [];
  const errors: Error[] = [];
  const subscription = client.subscribe(
    partitionId,
    {
      processEvents: async (received) => void events.push(...received),
      processError: async (error) => void errors.push(error),
    },
    { startPosition, maxBatchSize: 100, maxWaitTimeInSeconds: 1, ...options },
  );
  return {
    events,
    errors,
    waitFor: async (count) => {
      await until(
        () => events.length >= count,
        () => `${count} events, ${events.length} came; ${errors.join('; ')}`,
      );
      return events;
    },
    waitForError: async () => {
      await until(
        () => errors.length > 0,
        () => `an error, and ${events.length} events came`,
      );
      const [error] = errors;
      if (error === undefined) throw new Error('unreachable');
      return error;
    },
    stop: () => subscription.close(),
  };
}

export async function until(isDone: () => boolean, what: () => string): Promise<void> {
  for (let waitedMs = 0; !isDone(); waitedMs += 10) {
    if (waitedMs > 15_000) throw new Error(`waited for ${what()}`);
    await sleep(10);
  }
}

export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}

export function textEvents(...bodies: string[]): EventData[] {
  return bodies.map((body) => ({ body }));
}

export function numbersOf(events: readonly ReceivedEventData[]): number[] {
  return events.map((event) => event.sequenceNumber);
}
