import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { FAULT_TIMES, FaultSwitch, type Call, type Fault } from './store-faults.ts';

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Stands before a Blob service and breaks requests on the wire. */
export interface FaultProxy {
  /** Takes the place of the service's own URL in a lake and in a connection string. */
  readonly origin: string;
  break(fault: Fault, which: Call | number, times: number): void;
  mend(): Promise<boolean>;
  readonly calledAtMs: readonly number[];
  stop(): Promise<void>;
}

/** A proxy on a free port; `target` is the service's origin, `http://127.0.0.1:PORT`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const faults = new FaultSwitch();
  const server = createServer((incoming, outgoing) => {
    void serve(target, faults, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    break: (fault, which, times) => faults.break(fault, which, times),
    mend: () => faults.mend(),
    get calledAtMs() {
      return faults.calledAtMs;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(
  target: string,
  faults: FaultSwitch,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await buffer(incoming);
  const fault = faults.next(callsOf(incoming));
  const ask = (): Promise<Reply> => forward(target, incoming, body);
  if (fault === 'reset') return void incoming.socket.destroy();
  if (fault === 'late') return void (await faults.later(ask), outgoing.destroy());
  if (fault === 'torn' && body.length > 0) {
    await forward(target, incoming, body, body.length / 2).catch(() => undefined);
    return void incoming.socket.destroy();
  }
  const refusal = refusalOf(fault, incoming);
  if (refusal !== undefined) return answer(outgoing, refusal);
  if (fault === 'slow') await delay(FAULT_TIMES.slowMs / 2);
  const reply = await ask();
  const lost = fault === 'reply lost' || (fault === 'torn' && reply.body.length === 0);
  if (lost) return void incoming.socket.destroy();
  if (fault === 'lag') return answer(outgoing, lagging(reply));
  if (fault !== 'slow' && fault !== 'torn') return answer(outgoing, reply);
  const cut = Math.floor(reply.body.length / 2);
  outgoing.writeHead(reply.status, { ...reply.headers });
  outgoing.write(reply.body.subarray(0, cut));
  await delay(FAULT_TIMES.slowMs / 2);
  if (fault === 'torn') return void incoming.socket.destroy();
  outgoing.end(reply.body.subarray(cut));
}

function callsOf({ method, url = '', headers }: IncomingMessage): Call[] {
  if (method === 'DELETE') return ['delete'];
  if (method === 'PUT') return headers['if-none-match'] === undefined ? ['put', 'upload'] : ['putIfAbsent'];
  return url.includes('comp=list') ? ['list'] : ['read', 'download'];
}

/** With `cutAt` only so many bytes of the body are sent, and then the connection is dropped. */
async function forward(target: string, incoming: IncomingMessage, body: Buffer, cutAt?: number): Promise<Reply> {
  const { method, url = '/', headers } = incoming;
  const outgoing = request(new URL(url, target), { method, headers: { ...headers, connection: 'close' } });
  const replied = once(outgoing, 'response');
  if (cutAt === undefined) outgoing.end(body);
  else outgoing.write(body.subarray(0, cutAt), () => outgoing.destroy());
  const [reply] = (await replied) as [IncomingMessage];
  return { status: reply.statusCode ?? 0, headers: reply.headers, body: await buffer(reply) };
}

function answer(outgoing: ServerResponse, { status, headers, body }: Reply): void {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  outgoing.writeHead(status, { ...kept, 'content-length': body.length });
  outgoing.end(body);
}

function refusalOf(fault: Fault | undefined, { headers }: IncomingMessage): Reply | undefined {
  const status = Number(fault);
  if (Number.isNaN(status)) return undefined;
  const taken = headers['if-none-match'] === undefined ? 'ContainerBeingDeleted' : 'BlobAlreadyExists';
  const code = { 409: taken, 412: 'ConditionNotMet', 429: 'TooManyRequests', 500: 'InternalError' }[status];
  const asked = status === 429 ? { 'retry-after-ms': String(FAULT_TIMES.retryAfterMs) } : {};
  return { status, headers: { 'x-ms-error-code': code ?? 'ServerBusy', ...asked }, body: Buffer.alloc(0) };
}

/** A listing without its last object. */
function lagging(reply: Reply): Reply {
  const text = reply.body.toString();
  const start = text.lastIndexOf('<Blob>');
  if (start < 0) return reply;
  const end = text.indexOf('</Blob>', start) + '</Blob>'.length;
  return { ...reply, body: Buffer.from(text.slice(0, start) + text.slice(end)) };
}
