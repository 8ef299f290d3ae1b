import { createHmac, timingSafeEqual } from 'node:crypto';
import { pathOf } from './address.ts';

export const KEY_NAME = 'RootManageSharedAccessKey';
/** The literal of Microsoft's emulator: nothing that is worth to be kept secret. */
export const KEY_VALUE = 'SAS_KEY_VALUE';

export type TokenVerdict =
  | { readonly accepted: true; readonly path: string; readonly expiresAtMs: number }
  | { readonly accepted: false; readonly reason: string };

/**
 * Checks `SharedAccessSignature sr=…&sig=…&se=…&skn=…` (fields in any order) for an audience. The signature is over
 * the resource exactly as it was sent, as clients differ in how they escape it.
 */
export function checkSasToken(token: string, audience: string, nowMs: number): TokenVerdict {
  const match = /^SharedAccessSignature\s+(.*)$/is.exec(token);
  if (match === null) return refused('MalformedToken: The token is no shared access signature.');
  const fields = new Map(
    (match[1] ?? '').split('&').map((field): [string, string] => {
      const equals = field.indexOf('=');
      return [field.slice(0, equals), field.slice(equals + 1)];
    }),
  );
  const [resource, signature, expiry] = [fields.get('sr'), fields.get('sig'), fields.get('se')];
  if (resource === undefined || signature === undefined || expiry === undefined || !/^\d+$/.test(expiry)) {
    return refused('MalformedToken: The token lacks sr, sig or se.');
  }
  const expected = createHmac('sha256', KEY_VALUE).update(`${resource}\n${expiry}`).digest();
  const isOurs = unescape(fields.get('skn') ?? '') === KEY_NAME && isSame(expected, unescape(signature));
  if (!isOurs) return refused('InvalidSignature: The token has an invalid signature.');
  const expiresAtMs = Number(expiry) * 1000;
  if (expiresAtMs <= nowMs) return refused('ExpiredToken: The token is expired.');
  const path = pathOf(audience);
  if (!covers(pathOf(unescape(resource)), path)) {
    return refused(`InvalidAudience: The token is for another resource than '${path}'.`);
  }
  return { accepted: true, path, expiresAtMs };
}

/** What one connection may do: paths it has shown a token for, each until its token expires. */
export class Claims {
  readonly #expiries = new Map<string, number>();

  put(path: string, expiresAtMs: number): void {
    this.#expiries.set(path.toLowerCase(), expiresAtMs);
  }

  allows(path: string, nowMs: number): boolean {
    for (const [claimed, expiresAtMs] of this.#expiries) {
      if (expiresAtMs > nowMs && covers(claimed, path)) return true;
    }
    return false;
  }
}

/** A claim for a path holds for everything below it. */
function covers(claimed: string, path: string): boolean {
  const [outer, inner] = [claimed.toLowerCase(), path.toLowerCase()];
  return outer === '' || inner === outer || inner.startsWith(`${outer}/`);
}

function refused(reason: string): TokenVerdict {
  return { accepted: false, reason };
}

function isSame(expected: Buffer, base64: string): boolean {
  const given = Buffer.from(base64, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
