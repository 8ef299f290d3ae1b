import { describe, expect, test } from 'vitest';
import { azureError, endpointOf, isTaken } from '../../../src/storage/azure-error.ts';
import { askedWaitMs, isTransient } from '../../../src/storage/transient.ts';

const URL_WITH_SECRET = 'https://acc1.blob.core.windows.net/lake?sv=1&sig=secret';

describe('errors of the Blob service', () => {
  test.each([
    [{ statusCode: 403, code: 'AuthenticationFailed' }, 'storage_unauthorized'],
    [{ statusCode: 403, code: 'AuthorizationPermissionMismatch' }, 'storage_unauthorized'],
    [{ statusCode: 401 }, 'storage_unauthorized'],
    [{ name: 'AggregateAuthenticationError', message: 'no identity' }, 'storage_unauthorized'],
    [{ statusCode: 404, code: 'ContainerNotFound' }, 'configuration'],
    [{ statusCode: 503, code: 'ServerBusy' }, 'storage_unavailable'],
    [{ statusCode: 500 }, 'storage_unavailable'],
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'storage_unavailable'],
    [{ code: 'ENOTFOUND' }, 'storage_unavailable'],
    ['odd', 'storage_unavailable'],
  ])('%j is %s and names the endpoint with its port, never the signature', (cause, code) => {
    const error = azureError(cause, URL_WITH_SECRET, 'bronze/x', 'SLUICE_LAKE');
    expect(error.code).toBe(code);
    expect(error.message).toContain('https://acc1.blob.core.windows.net:443/lake');
    expect(error.message).toContain('SLUICE_LAKE');
    expect(JSON.stringify([error.message, error.context])).not.toContain('secret');
    expect(error.message.includes('unauthorized')).toBe(code === 'storage_unauthorized');
  });

  test.each([
    [{ statusCode: 409, code: 'BlobAlreadyExists' }, true],
    [{ statusCode: 409, code: 'PathAlreadyExists' }, true],
    [{ statusCode: 412, code: 'ConditionNotMet' }, true],
    [{ statusCode: 412 }, true],
    [{ statusCode: 409, code: 'ContainerBeingDeleted' }, false],
    [{ statusCode: 409, code: 'BlobImmutableDueToPolicy' }, false],
    [{ statusCode: 503 }, false],
    [undefined, false],
  ])('%j to a conditional put means taken: %s', (error, taken) => {
    expect(isTaken(error)).toBe(taken);
  });

  test.each([
    [{ 'retry-after': '17' }, 17_000],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'x-ms-retry-after-ms': '90' }, 90],
    [{ 'retry-after': 'Sun, 06 Nov 2044 08:49:37 GMT', date: 'Sun, 06 Nov 2044 08:49:27 GMT' }, 10_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('a reply with %j asks for a wait of %j ms', (headers, waitMs) => {
    const get = (name: string): string | undefined => (headers as Record<string, string>)[name];
    const cause = { statusCode: 429, response: { headers: { get } } };
    expect(askedWaitMs(azureError(cause, URL_WITH_SECRET, 'x', 'SLUICE_LAKE'))).toBe(waitMs);
  });

  test.each([
    [400, false],
    [413, false],
    [408, true],
    [409, true],
    [412, true],
    [429, true],
    [500, true],
    [503, true],
    [undefined, true],
  ])('status %j is worth another try: %s', (statusCode, worth) => {
    expect(isTransient(azureError({ statusCode }, URL_WITH_SECRET, 'x', 'SLUICE_LAKE'))).toBe(worth);
  });

  test('an endpoint is told with the port it has', () => {
    expect(endpointOf('http://127.0.0.1:10000/devstoreaccount1/lake')).toBe(
      'http://127.0.0.1:10000/devstoreaccount1/lake',
    );
    expect(endpointOf('http://localhost/a')).toBe('http://localhost:80/a');
  });
});
