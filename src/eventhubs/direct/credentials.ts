import type { TokenCredential } from '@azure/identity';
import { createHmac } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Connection } from '../connection.ts';
import { DIRECT_LIMITS } from './direct-limits.ts';

/** A token for one audience, and when the next one is to be put. */
export interface Token {
  readonly text: string;
  readonly type: 'servicebus.windows.net:sastoken' | 'jwt';
  readonly renewAtMs: number;
}

export type TokenSource = (audience: string) => Promise<Token>;

const SCOPE = 'https://eventhubs.azure.net//.default';

/** From the connection string: its key, or its ready-made signature; from Entra ID otherwise. */
export function tokenSource(
  connection: Connection,
  clock: Clock,
  entraCredential: () => Promise<TokenCredential>,
): TokenSource {
  if (connection.connectionString === undefined) return entraTokens(clock, entraCredential);
  const fields = fieldsOf(connection.connectionString);
  const [name, key] = [fields.get('sharedaccesskeyname'), fields.get('sharedaccesskey')];
  if (name !== undefined && key !== undefined) return keyTokens(clock, name, key);
  const text = fields.get('sharedaccesssignature') ?? '';
  return async () => ({
    text,
    type: 'servicebus.windows.net:sastoken',
    renewAtMs: clock.nowMs() + DIRECT_LIMITS.sasRenewalMs,
  });
}

function fieldsOf(connectionString: string): Map<string, string> {
  const parts = connectionString.split(';').filter((part) => part.includes('='));
  return new Map(
    parts.map((part): [string, string] => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
    }),
  );
}

function keyTokens(clock: Clock, name: string, key: string): TokenSource {
  return async (audience) => {
    const resource = encodeURIComponent(audience);
    const expirySeconds = Math.floor(clock.nowMs() / 1000) + DIRECT_LIMITS.sasTokenSeconds;
    const signature = createHmac('sha256', key).update(`${resource}\n${expirySeconds}`).digest('base64');
    return {
      text:
        `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expirySeconds}` +
        `&skn=${encodeURIComponent(name)}`,
      type: 'servicebus.windows.net:sastoken',
      renewAtMs: clock.nowMs() + DIRECT_LIMITS.sasRenewalMs,
    };
  };
}

function entraTokens(clock: Clock, credential: () => Promise<TokenCredential>): TokenSource {
  let opened: Promise<TokenCredential> | undefined;
  return async () => {
    opened ??= credential();
    const token = await (await opened).getToken(SCOPE);
    if (token === null) throw new Error('the credential gave no token');
    return {
      text: token.token,
      type: 'jwt',
      renewAtMs: Math.max(
        token.expiresOnTimestamp - DIRECT_LIMITS.renewalMarginMs,
        clock.nowMs() + DIRECT_LIMITS.renewalPauseMs,
      ),
    };
  };
}
