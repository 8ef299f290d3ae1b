import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/base/errors.ts';
import { translateClientError } from '../../../src/eventhubs/client-errors.ts';
import { parseConnection } from '../../../src/eventhubs/connection.ts';

const key = 'SharedAccessKeyName=name;SharedAccessKey=secret=';

describe('SLUICE_EVENTHUBS', () => {
  test('a connection string of the service, the emulator, or a host name tells host and port', () => {
    const local = `Endpoint=sb://localhost:7777;${key};UseDevelopmentEmulator=true;`;
    expect(parseConnection(local)).toEqual({ host: 'localhost', port: 7777, connectionString: local });
    expect(parseConnection(`${key};Endpoint=sb://localhost;UseDevelopmentEmulator=true`).port).toBe(5672);
    expect(parseConnection(` Endpoint=sb://n.servicebus.windows.net/;${key}`)).toMatchObject({
      host: 'n.servicebus.windows.net',
      port: 5671,
    });
    expect(parseConnection('n.servicebus.windows.net')).toEqual({
      host: 'n.servicebus.windows.net',
      port: 5671,
      connectionString: undefined,
    });
  });

  test('over WebSockets the port is 443 where none is given, and the flag of the emulator leaves TLS out', () => {
    const route = { transport: 'websocket', proxy: { HTTPS_PROXY: 'http://user:p%40ss@proxy:3128' } } as const;
    const { proxy } = route;
    expect(parseConnection('n.servicebus.windows.net', route)).toMatchObject({
      port: 443,
      webSocket: { isPlain: false, proxy },
    });
    expect(parseConnection(`Endpoint=sb://n.servicebus.windows.net/;${key}`, route).port).toBe(443);
    expect(parseConnection(`Endpoint=sb://localhost:7777;${key};UseDevelopmentEmulator=true`, route)).toMatchObject({
      port: 7777,
      webSocket: { isPlain: true, proxy },
    });
  });

  test.each(['proxy:3128', 'proxy', 'socks5://proxy:1080', 'http://', 'http://user:%zz@proxy'])(
    'a proxy %j is a configuration error that does not show it, over WebSockets alone',
    (HTTPS_PROXY) => {
      const proxy = { HTTPS_PROXY };
      const parse = (transport: 'tcp' | 'websocket') => () => parseConnection('n.windows.net', { transport, proxy });
      expect(parse('tcp')).not.toThrow();
      expect(parse('websocket')).toThrow(/^HTTPS_PROXY is no URL such as http:\/\/PROXY:3128\.$/);
      // Small letters go first.
      const both = { HTTPS_PROXY, https_proxy: 'https://proxy' };
      expect(() => parseConnection('n.windows.net', { transport: 'websocket', proxy: both })).not.toThrow();
    },
  );

  test.each([
    ['', /is empty/],
    ['localhost', /no host name/],
    ['https://n.servicebus.windows.net', /no host name/],
    [key, /no connection string/],
    [`Endpoint=sb://n/;${key};EntityPath=calls`, /EntityPath/],
    [`Endpoint=sb://n/;SharedAccessKeyName=a`, /SharedAccessKey/],
    [`Endpoint=http://n/;${key}`, /sb:\/\/HOST/],
    [`Endpoint=sb://n/;${key};broken`, /without "="/],
  ])('%j is a configuration error that names the setting, and no secret', (text, why) => {
    let found: unknown;
    try {
      parseConnection(text);
    } catch (error) {
      found = error;
    }
    expect(found).toMatchObject({ code: 'configuration', context: { setting: 'SLUICE_EVENTHUBS' } });
    expect((found as SluiceError).message).toMatch(why);
    expect((found as SluiceError).message).not.toContain('secret');
  });
});

describe("the client's errors", () => {
  const connection = { host: 'n.servicebus.windows.net', port: 5671, connectionString: undefined };
  const translated = (fields: object, doing: 'plan' | 'receive' = 'plan'): SluiceError =>
    translateClientError(Object.assign(new Error('what it says'), fields), {
      connection,
      hub: 'calls',
      doing,
      consumerGroup: 'own',
    }) as SluiceError;

  test.each([
    [{ code: 'UnauthorizedError' }, 'plan', 'eventhubs_unauthorized'],
    [{ name: 'CredentialUnavailableError' }, 'plan', 'eventhubs_unauthorized'],
    [{ code: 'MessagingEntityNotFoundError' }, 'plan', 'hub_not_found'],
    [{ code: 'MessagingEntityNotFoundError' }, 'receive', 'consumer_group_not_found'],
    [{ code: 'ReceiverDisconnectedError' }, 'receive', 'link_stolen'],
    [{ code: 'ServerBusyError', retryable: true }, 'receive', 'eventhubs_unavailable'],
    [{ code: 'ECONNREFUSED' }, 'plan', 'eventhubs_unavailable'],
    [{ name: 'TimeoutError' }, 'plan', 'eventhubs_unavailable'],
    [{ code: 'ArgumentOutOfRangeError', retryable: false }, 'receive', 'internal'],
    [{}, 'plan', 'internal'],
  ] as const)('%j while we %s is %s', (fields, doing, code) => {
    const error = translated(fields, doing);
    expect(error.code).toBe(code);
    expect(error.message).toContain('n.servicebus.windows.net:5671');
    expect(error.message).toContain('what it says');
  });

  test('an endpoint that speaks something else than AMQP is unavailable', () => {
    const error = new Error('Invalid protocol header for AMQP: 48545450');
    const found = translateClientError(error, { connection, hub: 'calls', doing: 'plan' }) as SluiceError;
    expect([found.code, found.exitCode]).toEqual(['eventhubs_unavailable', 4]);
    expect(found.message).toContain('Invalid protocol header');
  });

  test('one inside an AggregateError or a cause counts', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    expect(translated({ errors: [refused] }).code).toBe('eventhubs_unavailable');
    expect(translated({ cause: refused }).code).toBe('eventhubs_unavailable');
  });

  test('an abort and an error of ours stay what they are', () => {
    const abort = new DOMException('aborted', 'AbortError');
    const ours = new SluiceError('receiver_stalled', 'stalled');
    for (const error of [abort, ours]) {
      expect(translateClientError(error, { connection, hub: 'calls', doing: 'receive' })).toBe(error);
    }
  });
});
