import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers';
import { startAzurite, type Azurite } from '../test/support/azurite.ts';

/** A Blob service that is so far away that each call takes its time. */
export interface FarStore {
  /** What SLUICE_LAKE is for a container of this name. */
  lake(container: string): string;
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** Azurite behind a relay that holds every request back for so long; bandwidth is that of loopback. */
export async function startFarStore(delayMs: number): Promise<FarStore> {
  const azurite = await startAzurite();
  const near = new URL(azurite.blobUrl);
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(Number(near.port), near.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    // All of the same length: timers of one length fire in the order they were set in.
    client.on('data', (bytes) => after(() => server.writable && server.write(bytes), delayMs));
    client.on('end', () => after(() => server.end(), delayMs));
    server.pipe(client);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return { ...addresses(azurite, relay.address()), stop: () => stop(azurite, relay, sockets) };
}

function addresses(azurite: Azurite, address: ReturnType<ReturnType<typeof createServer>['address']>) {
  if (address === null || typeof address === 'string') throw new Error('the relay got no port');
  const { port } = new URL(azurite.blobUrl);
  const moved = (text: string): string => text.replaceAll(`:${port}/`, `:${address.port}/`);
  return {
    lake: (container: string): string => `${moved(azurite.blobUrl)}/${container}`,
    connectionString: moved(azurite.connectionString),
  };
}

async function stop(azurite: Azurite, relay: ReturnType<typeof createServer>, sockets: Set<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  relay.close();
  await once(relay, 'close');
  await azurite.stop();
}
