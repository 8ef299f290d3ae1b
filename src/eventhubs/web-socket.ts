import { Agent } from 'node:https';
import { WebSocket } from 'ws';
import { LIMITS } from '../base/limits.ts';
import type { ProxyVariables } from './connection.ts';

/** What the client needs to speak AMQP over WebSockets (its `webSocketOptions`). */
export interface WebSocketOptions {
  readonly webSocket: typeof AmqpWebSocket;
  readonly webSocketConstructorOptions: AmqpWebSocketOptions;
}

interface AmqpWebSocketOptions {
  /** Without TLS: the local Event Hubs, by a connection string with UseDevelopmentEmulator. */
  readonly isPlain: boolean;
  /** Goes through the proxy that the variables name, by CONNECT, and past it where NO_PROXY says so. */
  readonly agent: Agent | undefined;
}

/** `proxy` is as parseConnection checked it. A WebSocket without TLS, which stays on the machine, takes no proxy. */
export function webSocketOptions(isPlain: boolean, proxy: ProxyVariables): WebSocketOptions {
  const agent = isPlain ? undefined : new Agent({ proxyEnv: proxy });
  return { webSocket: AmqpWebSocket, webSocketConstructorOptions: { isPlain, agent } };
}

const OPTIONS = {
  perMessageDeflate: false,
  handshakeTimeout: LIMITS.eventHubsAttemptMsMax,
  closeTimeout: LIMITS.eventHubsAttemptMsMax,
  maxPayload: LIMITS.webSocketMessageBytesMax,
};

/**
 * A WebSocket as rhea takes one: it sets these four listeners and calls `send` and `close`. Bytes come and go as
 * Buffers, uncopied, and errors come as the Errors that they are.
 */
class AmqpWebSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: Buffer }) => void) | null = null;
  onerror: ((error: Error) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly url: string;
  readonly #socket: WebSocket;

  /** The client writes `wss://` in any case. */
  constructor(url: string, protocols: string | string[] | undefined, options: AmqpWebSocketOptions) {
    const { isPlain, agent } = options;
    this.url = isPlain ? url.replace(/^wss:/, 'ws:') : url;
    this.#socket = new WebSocket(this.url, protocols, { ...OPTIONS, ...(agent !== undefined && { agent }) });
    this.#socket.on('open', () => this.onopen?.());
    this.#socket.on('message', (data: Buffer) => this.onmessage?.({ data }));
    this.#socket.on('error', (error) => this.onerror?.(namedError(error)));
    this.#socket.on('close', () => this.onclose?.());
  }

  send(bytes: Buffer): void {
    this.#socket.send(bytes);
  }

  close(): void {
    this.#socket.close();
  }
}

/** What ws says of a handshake has no code by which it could be told from a defect. */
function namedError(error: Error & { readonly code?: unknown }): Error {
  return error.code === undefined ? Object.assign(error, { code: 'ERR_WEBSOCKET' }) : error;
}
