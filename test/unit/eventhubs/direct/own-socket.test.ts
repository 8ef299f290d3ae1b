import { EventEmitter } from 'node:events';
import net from 'node:net';
import type { OnReadOpts } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { OwnSocket } from '../../../../src/eventhubs/direct/own-socket.ts';
import type { RheaConnection } from '../../../../src/eventhubs/direct/rhea-parts.ts';
import { AMQP_HEADER, concat, transfer } from '../../../support/amqp-bytes.ts';

const CLOSE = Buffer.from('0000000c0200000000531845', 'hex');

class FakeSocket extends EventEmitter {
  isPaused = false;
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
}

/** A socket of ours over one that a test delivers to: nothing but the order of what is called then matters. */
function opened() {
  const socket = new FakeSocket();
  const connect = vi.spyOn(net, 'connect').mockReturnValue(socket as never);
  onTestFinished(() => connect.mockRestore());
  const given: string[] = [];
  const connection = {
    options: { transport: 'tcp' } as RheaConnection['options'],
    on: () => undefined,
    input: (bytes: Buffer) => void given.push(bytes.toString('hex')),
    saved_error: undefined,
    heartbeat_in: undefined,
  };
  const own = new OwnSocket(connection as never);
  connection.options.connect?.(5671, 'host', {}, () => undefined);
  const [[asked] = []] = connect.mock.calls;
  const { onread } = asked as unknown as { onread: OnReadOpts & { buffer: () => Uint8Array } };
  const deliver = (bytes: Uint8Array): boolean => {
    const room = onread.buffer();
    room.set(bytes);
    return onread.callback(bytes.length, room);
  };
  return { own, socket, given, deliver };
}

test('frames that come together with the end of the socket are given to rhea before it hears of the end', () => {
  const { socket, given, deliver } = opened();
  // As rhea does, after the socket was made.
  socket.on('end', () => given.push('end'));
  deliver(concat(AMQP_HEADER, CLOSE));
  socket.emit('end');
  expect(given).toEqual([AMQP_HEADER.toString('hex'), CLOSE.toString('hex'), 'end']);
});

test('what comes in pieces during one turn is read after them, and what is long enough at once', async () => {
  const { given, deliver } = opened();
  const heartbeats = concat(...Array.from({ length: 20_000 }, () => Buffer.from('0000000802000000', 'hex')));
  deliver(AMQP_HEADER);
  deliver(CLOSE);
  expect(given).toEqual([]);
  await setImmediate();
  expect(given).toEqual([AMQP_HEADER.toString('hex'), CLOSE.toString('hex')]);
  deliver(heartbeats);
  expect(given.length).toBe(20_002);
});

test('a link that is over its share pauses the socket, and is read on once it has room', async () => {
  const { own, socket, deliver } = opened();
  const link = {
    channel: 1,
    handle: 0,
    taken: 0,
    isOverfull: false,
    afterInput: () => undefined,
    transfer(): void {
      this.taken++;
      this.isOverfull = this.taken === 1;
      own.holdChanged();
    },
  };
  own.add(link as never);
  const one = transfer({}, Buffer.from('body'));
  deliver(concat(AMQP_HEADER, one, one));
  await setImmediate();
  expect([link.taken, socket.isPaused]).toEqual([1, true]);
  expect(deliver(one)).toBe(false);
  link.isOverfull = false;
  own.holdChanged();
  await setImmediate();
  expect([link.taken, socket.isPaused]).toEqual([3, false]);
});
