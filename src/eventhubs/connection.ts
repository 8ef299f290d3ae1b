import { SluiceError } from '../base/errors.ts';

/** Where a namespace is and how to be let in. */
export interface Connection {
  /** Host without scheme and port: the namespace's name in checkpoints. */
  readonly host: string;
  readonly port: number;
  /** The connection string as the client wants it; undefined: Entra ID by DefaultAzureCredential. */
  readonly connectionString: string | undefined;
  /** Undefined: AMQP over TCP. */
  readonly webSocket?: { readonly isPlain: boolean; readonly proxy: ProxyVariables };
}

/** How AMQP travels: over TCP, or in WebSockets, which pass where only port 443 or an HTTP proxy leads out. */
export type Transport = 'tcp' | 'websocket';

/** The variables that name a proxy and what goes past it, in capitals or not; WebSockets alone heed them. */
export type ProxyVariables = Partial<Readonly<Record<'HTTPS_PROXY' | 'https_proxy' | 'NO_PROXY' | 'no_proxy', string>>>;

/** By which way a namespace is reached. */
export interface Route {
  readonly transport: Transport;
  readonly proxy: ProxyVariables;
}

const TLS_PORT = 5671;
const PLAIN_PORT = 5672;
const WEB_SOCKET_PORT = 443;
const OVER_TCP: Route = { transport: 'tcp', proxy: {} };
const SETTING = 'SLUICE_EVENTHUBS';

/**
 * Reads the value of SLUICE_EVENTHUBS: a connection string without EntityPath (of the local hub or the emulator too),
 * or the host name of a namespace. Throws `configuration`, for a proxy that is none too; the message never shows a key.
 */
export function parseConnection(text: string, route: Route = OVER_TCP): Connection {
  const trimmed = text.trim();
  if (trimmed === '') throw wrong('is empty: give a connection string or NAME.servicebus.windows.net');
  if (route.transport === 'websocket') checkProxy(route.proxy);
  return /(^|;)\s*endpoint\s*=/i.test(trimmed) ? fromConnectionString(trimmed, route) : fromHost(trimmed, route);
}

function fromHost(text: string, route: Route): Connection {
  if (text.includes('=')) throw wrong('is no connection string (it has no Endpoint=) and no host name');
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$/i.test(text)) {
    throw wrong(`is no connection string and no host name such as NAME.servicebus.windows.net: ${text}`);
  }
  return { host: text, connectionString: undefined, ...wayOf(route, false) };
}

function fromConnectionString(text: string, route: Route): Connection {
  const parts = new Map<string, string>();
  for (const part of text.split(';').map((piece) => piece.trim())) {
    if (part === '') continue;
    const at = part.indexOf('=');
    if (at < 1) throw wrong('has a part without "=" between two semicolons');
    parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  if (parts.has('entitypath')) {
    throw wrong('has an EntityPath: take the connection string of the namespace; hubs are named by SLUICE_HUBS');
  }
  const hasKey = (parts.get('sharedaccesskeyname') ?? '') !== '' && (parts.get('sharedaccesskey') ?? '') !== '';
  if (!hasKey && (parts.get('sharedaccesssignature') ?? '') === '') {
    throw wrong('needs SharedAccessKeyName and SharedAccessKey, or SharedAccessSignature');
  }
  const emulator = parts.get('usedevelopmentemulator')?.toLowerCase() === 'true';
  const url = endpointOf(parts.get('endpoint') ?? '');
  const way = wayOf(route, emulator);
  return { host: url.hostname, connectionString: text, ...way, ...(url.port !== '' && { port: Number(url.port) }) };
}

function wayOf({ transport, proxy }: Route, isPlain: boolean): Pick<Connection, 'port' | 'webSocket'> {
  if (transport === 'websocket') return { port: WEB_SOCKET_PORT, webSocket: { isPlain, proxy } };
  return { port: isPlain ? PLAIN_PORT : TLS_PORT };
}

/** Small letters go before capitals, as Node reads them. */
function checkProxy(proxy: ProxyVariables): void {
  const text = proxy.https_proxy ?? proxy.HTTPS_PROXY;
  if (text === undefined || isProxy(text)) return;
  throw new SluiceError('configuration', 'HTTPS_PROXY is no URL such as http://PROXY:3128.', {
    context: { setting: 'HTTPS_PROXY' },
  });
}

function isProxy(text: string): boolean {
  try {
    const { protocol, hostname, username, password } = new URL(text);
    decodeURIComponent(username + password);
    return hostname !== '' && /^https?:$/.test(protocol);
  } catch {
    return false;
  }
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== 'sb:' || url.hostname === '') {
    throw wrong(`has the endpoint ${JSON.stringify(text)}, where sb://HOST[:PORT]/ is expected`);
  }
  return url;
}

function wrong(what: string): SluiceError {
  return new SluiceError('configuration', `${SETTING} ${what}.`, { context: { setting: SETTING } });
}
