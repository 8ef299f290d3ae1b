import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Duplex } from 'node:stream';
import { SluiceError } from '../base/errors.ts';
import { acceptEither } from './accept-either.ts';
import { HUB_LIMITS } from './limits.ts';

export interface Listener {
  readonly port: number;
  /** No more connections from now on; resolves when the last one is gone. */
  close(): Promise<void>;
  /** Ends the connections that are left, those too that never got through a TLS handshake. */
  dropConnections(): void;
}

type Make = () => Server;

/** localhost is 127.0.0.1 to some clients and ::1 to others, so both listen on one port. */
export async function listenOnLocalhost(port: number, purpose: string, make: Make): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    const ipv4 = await listen(make(), port, '127.0.0.1', purpose);
    const bound = portOf(ipv4);
    try {
      const ipv6 = await listen(make(), bound, '::1', purpose);
      return makeListener(bound, [ipv4, ipv6]);
    } catch (error) {
      const isTaken = error instanceof SluiceError;
      if (!isTaken) return makeListener(bound, [ipv4]);
      await close(ipv4);
      if (port !== 0 || attempt >= HUB_LIMITS.freePortAttemptsMax) throw error;
    }
  }
}

/** AMQP as it is, and over WebSockets. */
export function makeAmqpServer(accept: (stream: Duplex) => void): Make {
  return () => createTcpServer(acceptEither(accept));
}

export function makeTlsServer(certificate: { cert: string; key: string }, accept: (stream: Duplex) => void): Make {
  return () => createTlsServer(certificate, acceptEither(accept));
}

/** `GET /health`, as Microsoft's emulator answers it. */
export function makeHealthServer(): Make {
  return () =>
    createHttpServer((request, response) => {
      const isHealth = request.method === 'GET' && request.url?.split('?')[0] === '/health';
      response.writeHead(isHealth ? 200 : 404, { 'content-type': 'application/json' });
      response.end(isHealth ? '{"status":"healthy","message":"Service is healthy."}' : '{"status":"not found"}');
    });
}

function makeListener(port: number, servers: readonly Server[]): Listener {
  const sockets = new Set<Socket>();
  for (const server of servers) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
  }
  return {
    port,
    close: async () => void (await Promise.all(servers.map(close))),
    dropConnections: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listen(server: Server, port: number, host: string, purpose: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
      reject(isTaken ? portInUse(port, host, purpose, error) : error);
    });
    server.listen({ port, host, ipv6Only: host === '::1' }, () => resolve(server));
  });
}

function portInUse(port: number, host: string, purpose: string, cause: NodeJS.ErrnoException): SluiceError {
  const why = cause.code === 'EACCES' ? 'this user may not listen on it' : 'another process listens on it';
  return new SluiceError(
    'port_in_use',
    `port ${port} (${purpose}) cannot be used on ${host}: ${why}; give another one, or 0 for any free one`,
    { context: { port, host }, cause },
  );
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
