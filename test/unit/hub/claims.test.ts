import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkSasToken, Claims } from '../../../src/hub/claims.ts';

const NOW_MS = 1_764_000_000_000;
const AUDIENCE = 'sb://localhost:5672/ivr_calls/Partitions/0';

function token(resource: string, overrides: { key?: string; name?: string; expirySeconds?: number } = {}): string {
  const { key = 'SAS_KEY_VALUE', name = 'RootManageSharedAccessKey', expirySeconds = NOW_MS / 1000 + 60 } = overrides;
  const signature = createHmac('sha256', key).update(`${resource}\n${expirySeconds}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expirySeconds}&skn=${name}`;
}

const verdict = (text: string, audience = AUDIENCE) => checkSasToken(text, audience, NOW_MS);

describe('shared access signatures', () => {
  it('accepts one of the right key until it expires', () => {
    expect(verdict(token(encodeURIComponent(AUDIENCE)))).toEqual({
      accepted: true,
      path: 'ivr_calls/Partitions/0',
      expiresAtMs: NOW_MS + 60_000,
    });
  });

  it('hashes the resource as it was escaped, be it in lower-case hex', () => {
    expect(verdict(token('sb%3a%2f%2flocalhost%3a5672%2fivr_calls')).accepted).toBe(true);
  });

  it('accepts the fields in any order, and any scheme', () => {
    const [scheme, fields = ''] = token(encodeURIComponent('amqps://localhost/ivr_calls')).split(' ');
    expect(verdict(`${scheme} ${fields.split('&').toReversed().join('&')}`).accepted).toBe(true);
  });

  it.each([
    ['another key', token(encodeURIComponent(AUDIENCE), { key: 'other' }), /InvalidSignature/],
    ['another key name', token(encodeURIComponent(AUDIENCE), { name: 'reader' }), /InvalidSignature/],
    ['an expiry that has come', token(encodeURIComponent(AUDIENCE), { expirySeconds: NOW_MS / 1000 }), /Expired/],
    ['another hub', token(encodeURIComponent('sb://localhost/surveys')), /InvalidAudience/],
    ['a hub whose name begins alike', token(encodeURIComponent('sb://localhost/ivr')), /InvalidAudience/],
    ['no signature', 'SharedAccessSignature sr=x&se=1', /MalformedToken/],
    ['something else', 'Bearer x', /MalformedToken/],
  ])('refuses %s', (_, text, reason) => {
    expect(verdict(text)).toEqual({ accepted: false, reason: expect.stringMatching(reason) });
  });
});

describe('claims of a connection', () => {
  it('hold for a path and what is below it, in any case, until they expire', () => {
    const claims = new Claims();
    claims.put('ivr_calls', NOW_MS + 1000);
    expect(claims.allows('IVR_calls/ConsumerGroups/$Default/Partitions/0', NOW_MS)).toBe(true);
    expect(claims.allows('ivr_calls2', NOW_MS)).toBe(false);
    expect(claims.allows('ivr_calls', NOW_MS + 1000)).toBe(false);
  });
});
