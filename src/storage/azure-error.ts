import { SluiceError, type ErrorCode } from '../base/errors.ts';

/** What the errors of the SDK have in common, however they were made. */
interface ServiceError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly name?: string;
  readonly message?: string;
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

/** What is wrong with the request itself stays wrong. Conflicts (409, 412) come from what others do meanwhile. */
const LASTING_STATUS: ReadonlySet<number> = new Set([400, 405, 411, 413, 414, 416, 501]);

const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set([
  'CredentialUnavailableError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'AggregateAuthenticationError',
]);

/** There is no such blob (or container). */
export function isAbsent(error: unknown): boolean {
  const { statusCode } = asServiceError(error);
  return statusCode === 404;
}

/** A conditional PUT found the name taken: with a hierarchical namespace the service says it in other words. */
export function isTaken(error: unknown): boolean {
  const { statusCode, code } = asServiceError(error);
  return statusCode === 412 || (statusCode === 409 && (code === 'BlobAlreadyExists' || code === 'PathAlreadyExists'));
}

/** True where the identity is known but may not do this one thing: a wrong key is another matter. */
export function lacksPermission(error: unknown): boolean {
  const { statusCode, code } = asServiceError(error);
  return statusCode === 403 && /^Authorization\w+Mismatch$/.test(code ?? '');
}

/** The error in our words: which endpoint with its port, what it refused, and which setting to look at. */
export function azureError(cause: unknown, containerUrl: string, path: string, setting: string): SluiceError {
  if (cause instanceof SluiceError) return cause;
  const error = asServiceError(cause);
  const endpoint = endpointOf(containerUrl);
  const reason = [error.statusCode, error.code ?? error.name].filter((part) => part !== undefined).join(' ');
  const retryAfterMs = retryAfterOf(error);
  const context = {
    endpoint,
    path,
    reason,
    transient: !LASTING_STATUS.has(error.statusCode ?? 0),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const fail = (code: ErrorCode, message: string): SluiceError => new SluiceError(code, message, { context, cause });
  if (error.statusCode === 401 || error.statusCode === 403 || CREDENTIAL_ERRORS.has(error.name ?? '')) {
    const message = `unauthorized: ${endpoint} refused ${path} (${reason}); check the identity or key and its role`;
    return fail('storage_unauthorized', `${message} (${setting}, AZURE_STORAGE_CONNECTION_STRING)`);
  }
  if (error.statusCode === 404) {
    return fail('configuration', `${endpoint} has no such container (${reason}); create it or change ${setting}`);
  }
  const detail = firstLine(error.message ?? String(cause));
  return fail('storage_unavailable', `${endpoint} did not serve ${path} (${reason}): ${detail}; check ${setting}`);
}

/** Host with its port, also where it is the usual one, and the container: never the query, which may be a secret. */
export function endpointOf(containerUrl: string): string {
  const url = new URL(containerUrl);
  const port = url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port;
  return `${url.protocol}//${url.hostname}:${port}${url.pathname}`;
}

/** Seconds or a date by HTTP; milliseconds in the words of some Azure services. */
function retryAfterOf({ response }: ServiceError): number | undefined {
  const header = (name: string): string | undefined => response?.headers?.get(name) ?? undefined;
  const milliseconds = header('retry-after-ms') ?? header('x-ms-retry-after-ms');
  if (milliseconds !== undefined && /^\d+$/.test(milliseconds)) return Number(milliseconds);
  const text = header('retry-after');
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const [untilMs, nowMs] = [Date.parse(text), Date.parse(header('date') ?? '')];
  return Number.isNaN(untilMs - nowMs) ? undefined : Math.max(0, untilMs - nowMs);
}

function asServiceError(error: unknown): ServiceError {
  return typeof error === 'object' && error !== null ? error : {};
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim();
}
