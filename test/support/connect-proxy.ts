import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** `through`: opens tunnels; `refuse`: answers 403; `silent`: takes the request and says nothing. */
export type ProxyMood = 'through' | 'refuse' | 'silent';

/** A proxy as companies have them: HTTP CONNECT and nothing else. */
export interface ConnectProxy {
  /** With a name and a password, for HTTPS_PROXY. */
  readonly url: string;
  /** HOST:PORT of each CONNECT, in their order. */
  readonly asked: readonly string[];
  mood: ProxyMood;
  /** Cuts the tunnels that are open; gives their number. */
  cut(): number;
  stop(): Promise<void>;
}

export async function startConnectProxy(): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  const tunnels = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(405).end());
  const proxy: ConnectProxy = {
    url: '',
    asked,
    mood: 'through',
    cut: () => {
      const { size } = tunnels;
      for (const tunnel of tunnels) tunnel.destroy();
      return size;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', ({ url = '' }, socket) => {
    asked.push(url);
    if (proxy.mood === 'refuse') socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    if (proxy.mood !== 'through') return;
    const { hostname, port } = new URL(`http://${url}`);
    const tunnel = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(tunnel).pipe(socket);
    });
    tunnels.add(tunnel);
    tunnel.on('error', () => tunnel.destroy());
    tunnel.on('close', () => {
      tunnels.delete(tunnel);
      socket.destroy();
    });
    socket.on('close', () => tunnel.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(proxy, { url });
}
