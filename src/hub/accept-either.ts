import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { HUB_LIMITS } from './limits.ts';

const PATH = '/$servicebus/websocket';
const PROTOCOL = 'AMQPWSB10';
const FIRST_BYTE_OF_GET = 'G'.charCodeAt(0);
const OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: HUB_LIMITS.webSocketMessageBytesMax,
  closeTimeout: HUB_LIMITS.webSocketCloseMsMax,
  handleProtocols: () => PROTOCOL,
};

/**
 * AMQP as it is and AMQP over WebSockets on one port, told apart by the first byte: an AMQP header begins with A, the
 * request for a WebSocket with GET. Gives a listener for new sockets; what speaks AMQP is handed on as a stream.
 */
export function acceptEither(accept: (stream: Duplex) => void): (socket: Socket) => void {
  const http = makeUpgradeServer(accept);
  return (socket) => {
    // A peer that resets before it has said a word: nobody else listens yet.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(HUB_LIMITS.firstBytesMsMax, () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === FIRST_BYTE_OF_GET) {
        http.emit('connection', socket);
      } else {
        socket.setTimeout(0);
        accept(socket);
      }
      process.nextTick(() => socket.resume());
    });
  };
}

/** Listens nowhere: it is given its connections. */
function makeUpgradeServer(accept: (stream: Duplex) => void): ReturnType<typeof createServer> {
  const webSockets = new WebSocketServer(OPTIONS);
  const http = createServer((_, response) => {
    response.writeHead(404, { connection: 'close' });
    response.end();
  });
  http.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\n\r\n`);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => accept(createWebSocketStream(webSocket)));
  });
  return http;
}

function refusalOf({ url = '', headers }: IncomingMessage): string | undefined {
  if (url.split('?')[0] !== PATH) return '404 Not Found';
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
  return offered.includes(PROTOCOL) ? undefined : '400 Bad Request';
}
