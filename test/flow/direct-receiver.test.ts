import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openEventSource } from '../../src/eventhubs/eventhubs.ts';

const never = new AbortController().signal;
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A source of a hub at a port where something else than Event Hubs listens. */
async function sourceAt(answer: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    ends.push(() => void socket.destroy());
    answer(socket);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const key = 'SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true';
  const connection = `Endpoint=sb://localhost:${port};${key}`;
  const noSleep = { ...systemClock, sleep: async () => undefined };
  const source = openEventSource({ connection, hub: 'h', consumerGroup: 'g', clock: noSleep, log: silentLog });
  ends.push(() => void server.close());
  ends.push(() => source.close());
  return source;
}

describe('what answers in the place of Event Hubs', () => {
  test('and speaks another protocol is eventhubs_protocol', async () => {
    const source = await sourceAt((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(source.hubProperties(never)).rejects.toMatchObject({ code: 'eventhubs_protocol' });
  });

  test('and sends a frame larger than agreed is eventhubs_protocol', async () => {
    const source = await sourceAt((socket) => {
      socket.write(Buffer.concat([Buffer.from('AMQP\x03\x01\0\0', 'latin1'), Buffer.alloc(16, 0x7f)]));
    });
    await expect(source.hubProperties(never)).rejects.toMatchObject({ code: 'eventhubs_protocol' });
  });

  test('and hangs up is eventhubs_unavailable', async () => {
    const source = await sourceAt((socket) => socket.destroy());
    await expect(source.hubProperties(never)).rejects.toMatchObject({ code: 'eventhubs_unavailable' });
  });
});
