import type {
  EventHubClientOptions,
  EventHubConsumerClient,
  EventHubProducerClient,
  RetryMode,
} from '@azure/event-hubs';
import type { TokenCredential } from '@azure/identity';
import { LIMITS } from '../base/limits.ts';
import type { Connection } from './connection.ts';

/** The client's defaults wait 30 s before the second try, longer than a run may stay silent about a dead endpoint. */
const RETRY_OPTIONS = {
  maxRetries: 2,
  retryDelayInMs: 300,
  maxRetryDelayInMs: 2_000,
  timeoutInMs: LIMITS.eventHubsAttemptMsMax,
} as const;

/** Opens nothing yet: the client connects at its first call. The libraries are loaded only now, they are large. */
export async function openConsumer(
  connection: Connection,
  hub: string,
  consumerGroup: string,
  userAgent: string,
): Promise<EventHubConsumerClient> {
  const { EventHubConsumerClient: Client, RetryMode: Mode } = await import('@azure/event-hubs');
  const options = { userAgent, ...(await optionsOf(connection, Mode.Exponential)) };
  if (connection.connectionString !== undefined) {
    return new Client(consumerGroup, connection.connectionString, hub, options);
  }
  return new Client(consumerGroup, connection.host, hub, await entraCredential(), options);
}

export async function openProducer(connection: Connection, hub: string): Promise<EventHubProducerClient> {
  const { EventHubProducerClient: Client, RetryMode: Mode } = await import('@azure/event-hubs');
  const options = await optionsOf(connection, Mode.Exponential);
  if (connection.connectionString !== undefined) return new Client(connection.connectionString, hub, options);
  return new Client(connection.host, hub, await entraCredential(), options);
}

async function optionsOf({ webSocket }: Connection, mode: RetryMode): Promise<EventHubClientOptions> {
  const retryOptions = { ...RETRY_OPTIONS, mode };
  if (webSocket === undefined) return { retryOptions };
  const { webSocketOptions } = await import('./web-socket.ts');
  return { retryOptions, webSocketOptions: webSocketOptions(webSocket.isPlain, webSocket.proxy) };
}

export async function entraCredential(): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}
