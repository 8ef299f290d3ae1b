import { isAbort, SluiceError } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Connection } from './connection.ts';

/** What was being done when the client failed. */
export interface Situation {
  readonly connection: Connection;
  readonly hub: string;
  readonly doing: 'plan' | 'receive' | 'send';
  readonly partitionId?: string;
  readonly consumerGroup?: string;
}

/**
 * The client's error as one of ours, which names the endpoint with its port. What is unknown is not retryable.
 * An abort stays what it is.
 */
export function translateClientError(error: unknown, situation: Situation): Error {
  if (error instanceof SluiceError) return error;
  if (isAbort(error)) return error as Error;
  const { connection, hub, doing, partitionId, consumerGroup } = situation;
  const endpoint = `${connection.host}:${connection.port}`;
  const code = codeOf(error, doing);
  const where = `hub ${hub}${partitionId === undefined ? '' : `, partition ${partitionId}`}`;
  return new SluiceError(code, `${sentence(code, endpoint, where, situation)} (${reason(error)})`, {
    context: { endpoint, hub, ...(partitionId && { partitionId }), ...(consumerGroup && { consumerGroup }) },
    cause: error,
  });
}

function sentence(code: ErrorCode, endpoint: string, where: string, situation: Situation): string {
  const { hub, consumerGroup } = situation;
  const at = `Event Hubs at ${endpoint}`;
  switch (code) {
    case 'eventhubs_unauthorized':
      return `unauthorized: ${at} refused the key, token or permission for ${where}; check SLUICE_EVENTHUBS and roles`;
    case 'hub_not_found':
      return `${at} has no hub ${hub}; create it, or name the right one in SLUICE_HUBS`;
    case 'consumer_group_not_found':
      return `${at}: hub ${hub} has no consumer group ${consumerGroup}; create it, or set SLUICE_CONSUMER_GROUP`;
    case 'link_stolen':
      return `${at}: a reader with a higher epoch took ${where} in the consumer group ${consumerGroup}`;
    case 'event_too_large':
      return `${at}: an event is larger than ${where} accepts`;
    case 'eventhubs_protocol':
      return `${at} sent what is no AMQP 1.0 for ${where}`;
    case 'eventhubs_unavailable':
      if (situation.connection.webSocket === undefined) {
        return `${at} did not answer for ${where}; check the host, the port and the network, then run again`;
      }
      return (
        `${at} did not answer over WebSockets for ${where}; check the host, the port, the network and HTTPS_PROXY, ` +
        'then run again'
      );
    default:
      return `${at}: the client failed for ${where}`;
  }
}

/** Names of the client's errors (core-amqp), by what they mean to us. */
const NAMES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['UnauthorizedError', 'eventhubs_unauthorized'],
  ['AuthenticationError', 'eventhubs_unauthorized'],
  ['AuthenticationRequiredError', 'eventhubs_unauthorized'],
  ['AggregateAuthenticationError', 'eventhubs_unauthorized'],
  ['CredentialUnavailableError', 'eventhubs_unauthorized'],
  ['InvalidSignature', 'eventhubs_unauthorized'],
  ['MessagingEntityNotFoundError', 'hub_not_found'],
  ['ReceiverDisconnectedError', 'link_stolen'],
  ['MessageTooLargeError', 'event_too_large'],
  // Too many readers or connections: some of them go.
  ['QuotaExceededError', 'eventhubs_unavailable'],
  ['ArgumentError', 'internal'],
  ['ArgumentOutOfRangeError', 'internal'],
]);

const NETWORK_CODES = /^(E[A-Z]+|ERR_TLS_.*|ERR_PROXY_.*|ERR_WEBSOCKET|UND_ERR_.*|.*CERT.*|UNABLE_TO_.*)$/;

function codeOf(error: unknown, doing: Situation['doing']): ErrorCode {
  for (const each of flatten(error)) {
    for (const name of [each.code, each.name]) {
      const code = typeof name === 'string' ? NAMES.get(name) : undefined;
      if (code === 'hub_not_found' && doing === 'receive') return 'consumer_group_not_found';
      if (code !== undefined) return code;
    }
    if (/\b401\b|unauthorized access|InvalidSignature/i.test(each.message)) return 'eventhubs_unauthorized';
    // A group that does not exist is `amqp:not-found` with whatever text.
    if (doing === 'receive' && each.code === 'ServiceCommunicationError') return 'consumer_group_not_found';
  }
  return flatten(error).some(isNetwork) ? 'eventhubs_unavailable' : 'internal';
}

function isNetwork(error: ClientError): boolean {
  if (error.retryable === true) return true;
  if (typeof error.code === 'string' && NETWORK_CODES.test(error.code)) return true;
  // Something answers there, and it is no Event Hubs: a proxy, or another service on the port.
  if (/invalid protocol header/i.test(error.message)) return true;
  // What rhea-promise says of an open, a session or a link that was not answered has no name.
  if (/due to operation timeout/i.test(error.message)) return true;
  return error.name === 'TimeoutError' || error.code === 'OperationTimeoutError';
}

/** The service asked for a pause, in the client's or in AMQP's words. */
export function isBusy(error: unknown): boolean {
  return flatten(error).some(({ code, name }) => code === 'ServerBusyError' || name === 'ServerBusyError');
}

interface ClientError extends Error {
  readonly code?: unknown;
  readonly retryable?: boolean;
  readonly errors?: readonly unknown[];
}

/** The error and those it was made from: an AggregateError has them inside. */
function flatten(error: unknown, depth = 0): ClientError[] {
  if (!(error instanceof Error) || depth > 4) return [];
  const inner = [...((error as ClientError).errors ?? []), error.cause].flatMap((each) => flatten(each, depth + 1));
  return [error as ClientError, ...inner];
}

function reason(error: unknown): string {
  const messages = flatten(error).map((each) => each.message);
  return messages.find((message) => message !== '') ?? String(error);
}
