import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { openEventSink, openEventSource } from '../../src/eventhubs/eventhubs.ts';
import type { EventSource, ProxyVariables, Route } from '../../src/eventhubs/eventhubs.ts';
import type { Finding } from '../../src/cli/finding.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import { startConnectProxy, type ConnectProxy } from '../support/connect-proxy.ts';
import { fillOdd, textOf } from '../support/odd-hub.ts';
import { errorOf, query, sluice, temporaryFolder } from '../support/sluice-process.ts';

const never = new AbortController().signal;
const EVENTS = 3_000;
const RUN_EVENTS = 200;
/** So small that most events are still to come at the cut. */
const CUT_SHARE_BYTES = 8 * MiB;
const TCP: Route = { transport: 'tcp', proxy: {} };
const trusted = getCACertificates();
let folder: string;
let hub: RunningHub;
let proxy: ConnectProxy;
let whole: readonly string[];
const open: EventSource[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-websocket-'));
  fillOdd(folder, 'odd', '0', EVENTS, 7);
  fillOdd(folder, 'ivr_calls', '0', RUN_EVENTS, 8);
  const hubs = ['odd', 'ivr_calls', 'call_legs', 'surveys'].map((name) => {
    return { name, partitionCount: 1, consumerGroups: [] };
  });
  hub = await startHub({ amqpPort: 0, tlsPort: 0, healthPort: 'off', dataFolder: folder, hubs });
  setDefaultCACertificates([...trusted, readFileSync(hub.certificateFile ?? '', 'utf8')]);
  proxy = await startConnectProxy();
  whole = await drain(TCP);
  if (whole.length !== EVENTS) throw new Error(`${whole.length} events over TCP`);
});

afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
  proxy.mood = 'through';
});

afterAll(async () => {
  await proxy.stop();
  await hub.stop();
  setDefaultCACertificates(trusted);
  rmSync(folder, { recursive: true, force: true });
});

const webSocket = (variables: ProxyVariables = {}): Route => ({ transport: 'websocket', proxy: variables });

function sourceBy(route: Route, connection = hub.tlsConnectionString ?? '', name = 'odd'): EventSource {
  const options = { connection, route, hub: name, consumerGroup: '$Default', clock: systemClock, log: silentLog };
  const source = openEventSource({ ...options, random: () => 0.1 });
  open.push(source);
  return source;
}

/** Every column of every event, as text; something may happen after the first batch. Over plain AMQP or by TLS. */
async function drain(route: Route, atFirst?: () => void, connection?: string): Promise<string[]> {
  const source = sourceBy(route, connection ?? (route === TCP ? hub.connectionString : undefined));
  const range = { partitionId: '0', firstSequenceNumber: 0, lastSequenceNumber: EVENTS - 1 };
  const request = {
    ...range,
    ownerLevel: 3,
    consumerGroup: '$Default',
    bytesMax: atFirst === undefined ? 24 * MiB : CUT_SHARE_BYTES,
  };
  const rows: string[] = [];
  for await (const batch of source.receive(request, never)) {
    if (rows.length === 0) atFirst?.();
    for (let row = 0; row < batch.count; row++) rows.push(textOf(batch, row));
  }
  return rows;
}

/** Where the rows are others than over TCP. */
function differenceOf(rows: readonly string[]): object {
  const first = whole.findIndex((row, i) => row !== rows[i]);
  return { first, text: rows[first]?.slice(0, 400), count: rows.length };
}
const NONE = { first: -1, text: undefined, count: EVENTS };

describe('a drain over WebSockets gives the same bytes in every column as one over TCP', () => {
  test('by TLS', async () => {
    expect(differenceOf(await drain(webSocket()))).toEqual(NONE);
  });

  test('without TLS, by the connection string of the local Event Hubs', async () => {
    expect(differenceOf(await drain(webSocket(), undefined, hub.connectionString))).toEqual(NONE);
  });

  test('through a proxy, which sees one CONNECT to host and port', async () => {
    const before = proxy.asked.length;
    expect(differenceOf(await drain(webSocket({ HTTPS_PROXY: proxy.url })))).toEqual(NONE);
    expect(proxy.asked.slice(before)).toEqual([`localhost:${hub.tlsPort}`]);
  });

  test('past the proxy where NO_PROXY names the host, also where the proxy would refuse', async () => {
    const before = proxy.asked.length;
    proxy.mood = 'refuse';
    expect(differenceOf(await drain(webSocket({ https_proxy: proxy.url, NO_PROXY: 'example.org,localhost' })))).toEqual(
      NONE,
    );
    expect(proxy.asked.length).toBe(before);
  });

  test('after the service dropped the connection', async () => {
    let dropped = 0;
    expect(differenceOf(await drain(webSocket(), () => void (dropped = hub.faults.dropSockets())))).toEqual(NONE);
    expect(dropped).toBeGreaterThan(0);
  });

  test('after the proxy cut the tunnel, through another tunnel', async () => {
    const before = proxy.asked.length;
    let cut = 0;
    expect(differenceOf(await drain(webSocket({ HTTPS_PROXY: proxy.url }), () => void (cut = proxy.cut())))).toEqual(
      NONE,
    );
    expect(cut).toBeGreaterThan(0);
    expect(proxy.asked.length - before).toBeGreaterThan(1);
  });
});

test('TCP goes past a proxy that is set', async () => {
  const before = proxy.asked.length;
  const source = sourceBy({ transport: 'tcp', proxy: { HTTPS_PROXY: proxy.url } }, hub.connectionString);
  expect((await source.hubProperties(never)).partitionIds).toEqual(['0']);
  expect(proxy.asked.length).toBe(before);
});

test('events are sent over WebSockets through the proxy', async () => {
  const before = proxy.asked.length;
  const connection = hub.tlsConnectionString ?? '';
  const sink = openEventSink({ connection, hub: 'surveys', route: webSocket({ HTTPS_PROXY: proxy.url }) });
  await sink.send([{ body: Buffer.from('{}') }, { body: Buffer.alloc(900_000, 0x20) }], never);
  await sink.close();
  expect(proxy.asked.slice(before)).toEqual([`localhost:${hub.tlsPort}`]);
  const source = sourceBy(TCP, hub.connectionString, 'surveys');
  expect((await source.partitionProperties('0', never)).lastSequenceNumber).toBe(1);
});

describe('what stands in the way is eventhubs_unavailable, exit 4, with endpoint and reason', () => {
  const endpoint = (): string => `localhost:${hub.tlsPort}`;
  const unavailable = (reason: RegExp): object => ({
    code: 'eventhubs_unavailable',
    exitCode: 4,
    message: expect.stringMatching(reason),
  });

  test('a proxy that refuses, and its password is not shown', async () => {
    proxy.mood = 'refuse';
    const error = await sourceBy(webSocket({ HTTPS_PROXY: proxy.url }))
      .hubProperties(never)
      .catch((thrown: unknown) => thrown as Error & { cause?: unknown });
    expect(error).toMatchObject(unavailable(/over WebSockets.*HTTPS_PROXY.*403 Forbidden/));
    expect((error as Error).message).toContain(endpoint());
    expect(JSON.stringify(everyWordOf(error))).not.toContain('secret');
  });

  test('a proxy that takes the request and never answers, within the time of a question', async () => {
    proxy.mood = 'silent';
    const answer = sourceBy(webSocket({ HTTPS_PROXY: proxy.url })).hubProperties(never);
    await expect(answer).rejects.toMatchObject(unavailable(/handshake has timed out|no answer within 15 s/));
  });

  test('a proxy that is not there', async () => {
    const gone = await startConnectProxy();
    await gone.stop();
    const answer = sourceBy(webSocket({ HTTPS_PROXY: gone.url })).hubProperties(never);
    await expect(answer).rejects.toMatchObject(unavailable(/ECONNREFUSED/));
  });

  test('a certificate that nobody trusts', async () => {
    setDefaultCACertificates(trusted);
    try {
      await expect(sourceBy(webSocket()).hubProperties(never)).rejects.toMatchObject(unavailable(/certificate/));
    } finally {
      setDefaultCACertificates([...trusted, readFileSync(hub.certificateFile ?? '', 'utf8')]);
    }
  });

  test('an endpoint that knows no WebSockets', async () => {
    const server = createServer((_, response) => response.writeHead(404).end());
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = hub.connectionString.replace(`:${hub.amqpPort}`, `:${port}`);
    const answer = sourceBy(webSocket(), connection).hubProperties(never);
    await expect(answer).rejects.toMatchObject(unavailable(/Unexpected server response: 404/));
    server.close();
  });
});

/** Messages and stacks of an error and of those behind it. */
function everyWordOf(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  return [error.message, error.stack, { ...error }, ...everyWordOf(error.cause)];
}

describe('the local Event Hubs', () => {
  const refusalOf = async (path: string, protocols: string[]): Promise<string> => {
    const socket = new WebSocket(`ws://localhost:${hub.amqpPort}${path}`, protocols);
    const [error] = (await once(socket, 'error')) as [Error];
    return error.message;
  };

  test('gives WebSockets at one path and for one sub-protocol', async () => {
    expect(await refusalOf('/elsewhere', ['AMQPWSB10'])).toBe('Unexpected server response: 404');
    expect(await refusalOf('/$servicebus/websocket', ['mqtt'])).toBe('Unexpected server response: 400');
    expect(await refusalOf('/$servicebus/websocket', [])).toBe('Unexpected server response: 400');
    const socket = new WebSocket(`ws://localhost:${hub.amqpPort}/$servicebus/websocket`, ['mqtt', 'AMQPWSB10']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('AMQPWSB10');
    socket.terminate();
  });

  test('answers a request that asks for no WebSocket with 404', async () => {
    const answer = await fetch(`http://localhost:${hub.amqpPort}/$servicebus/websocket`);
    expect([answer.status, await answer.text()]).toEqual([404, '']);
  });
});

describe('ingest-once with SLUICE_TRANSPORT=websocket', () => {
  const home = temporaryFolder();
  afterAll(() => home.remove());
  const run = (more: Readonly<Record<string, string>> = {}, args = ['ingest-once', '--to', 'bronze']) =>
    sluice(args, {
      folder: home.folder,
      settings: {
        SLUICE_EVENTHUBS: hub.tlsConnectionString ?? '',
        SLUICE_LAKE: join(home.folder, 'lake'),
        SLUICE_TRANSPORT: 'websocket',
        NODE_EXTRA_CA_CERTS: hub.certificateFile ?? '',
        HTTPS_PROXY: proxy.url,
        ...more,
      },
    });

  test('and a proxy that refuses ends with exit 4, and names the endpoint', async () => {
    proxy.mood = 'refuse';
    const refused = await run();
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain(`localhost:${hub.tlsPort}`);
    expect(refused.stderr).toContain('403 Forbidden');
    expect(refused.stderr).not.toContain('secret');
  });

  test('and a proxy that is no URL ends with exit 2 and names the variable', async () => {
    const wrong = await run({ HTTPS_PROXY: 'proxy:3128' });
    expect([wrong.exitCode, errorOf(wrong).code]).toEqual([2, 'configuration']);
    expect(errorOf(wrong).message).toContain('HTTPS_PROXY');
  });

  test('reads everything through the proxy, and says once that the genuine client does', async () => {
    const before = proxy.asked.length;
    const finished = await run();
    expect([finished.exitCode, finished.stderr]).toEqual([0, expect.any(String)]);
    const said = finished.stderr.split('\n').filter((line) => line.includes('the genuine client reads'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('SLUICE_TRANSPORT=websocket');
    expect(new Set(proxy.asked.slice(before))).toEqual(new Set([`localhost:${hub.tlsPort}`]));
    const settings = { SLUICE_LAKE: join(home.folder, 'lake') };
    const rows = await query('SELECT count(*)::INT AS n FROM bronze.ivr_calls', { folder: home.folder, settings });
    expect(rows).toEqual([{ n: RUN_EVENTS }]);
  });

  test('and SLUICE_RECEIVER=sdk says nothing of another receiver; NO_PROXY leads past the proxy', async () => {
    const before = proxy.asked.length;
    const finished = await run({ SLUICE_RECEIVER: 'sdk', NO_PROXY: 'localhost' });
    expect([finished.exitCode, proxy.asked.length]).toEqual([0, before]);
    expect(finished.stderr).not.toContain('the genuine client reads');
  });

  test('plan and produce take the same way', async () => {
    const before = proxy.asked.length;
    const planned = await run({}, ['plan', '--json']);
    expect([planned.exitCode, JSON.parse(planned.stdout)]).toEqual([0, expect.anything()]);
    expect(proxy.asked.length).toBeGreaterThan(before);
    const between = proxy.asked.length;
    expect((await run({}, ['produce', '--ticks', '1'])).exitCode).toBe(0);
    expect(proxy.asked.length).toBeGreaterThan(between);
  });
});

describe('doctor', () => {
  const home = temporaryFolder();
  afterAll(() => home.remove());
  const doctor = async (settings: Readonly<Record<string, string>>) => {
    const given = { SLUICE_LAKE: join(home.folder, 'lake'), HTTPS_PROXY: proxy.url, ...settings };
    const { stdout } = await sluice(['doctor', '--json'], { folder: home.folder, settings: given });
    return (JSON.parse(stdout) as { checks: Finding[] }).checks;
  };
  const AWAY = 'Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=b';

  test('asks the hubs over WebSockets where they are set', async () => {
    const before = proxy.asked.length;
    const checks = await doctor({
      SLUICE_EVENTHUBS: hub.tlsConnectionString ?? '',
      SLUICE_TRANSPORT: 'websocket',
      NODE_EXTRA_CA_CERTS: hub.certificateFile ?? '',
    });
    expect(checks.find(({ check }) => check === 'listen ivr_calls')?.state).toBe('ok');
    expect(checks.map(({ check }) => check)).not.toContain('proxy');
    expect(proxy.asked.length).toBeGreaterThan(before);
  });

  test('names the setting where a proxy is set, hubs do not answer, and AMQP goes past it', async () => {
    const checks = await doctor({ SLUICE_EVENTHUBS: AWAY });
    expect(checks.find(({ check }) => check === 'proxy')).toMatchObject({
      state: 'warning',
      says: expect.stringContaining('SLUICE_TRANSPORT=websocket'),
    });
  });
});
