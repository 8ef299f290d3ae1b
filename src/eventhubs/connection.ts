import { SluiceError } from '../base/errors.ts';

/** Where a namespace is and how to be let in. */
export interface Connection {
  /** Host without scheme and port: the namespace's name in checkpoints. */
  readonly host: string;
  readonly port: number;
  /** The connection string as the client wants it; undefined: Entra ID by DefaultAzureCredential. */
  readonly connectionString: string | undefined;
}

const TLS_PORT = 5671;
const PLAIN_PORT = 5672;
const SETTING = 'SLUICE_EVENTHUBS';

/**
 * Reads the value of SLUICE_EVENTHUBS: a connection string without EntityPath (of the local hub or the emulator too),
 * or the host name of a namespace. Throws `configuration`; the message never shows a key.
 */
export function parseConnection(text: string): Connection {
  const trimmed = text.trim();
  if (trimmed === '') throw wrong('is empty: give a connection string or NAME.servicebus.windows.net');
  return /(^|;)\s*endpoint\s*=/i.test(trimmed) ? fromConnectionString(trimmed) : fromHost(trimmed);
}

function fromHost(text: string): Connection {
  if (text.includes('=')) throw wrong('is no connection string (it has no Endpoint=) and no host name');
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$/i.test(text)) {
    throw wrong(`is no connection string and no host name such as NAME.servicebus.windows.net: ${text}`);
  }
  return { host: text, port: TLS_PORT, connectionString: undefined };
}

function fromConnectionString(text: string): Connection {
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
  const port = url.port === '' ? (emulator ? PLAIN_PORT : TLS_PORT) : Number(url.port);
  return { host: url.hostname, port, connectionString: text };
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
