import { BlobServiceClient, ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { DEFAULT_BACKOFF, retry } from '../base/backoff.ts';
import { systemClock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import { azureError, isAbsent, lacksPermission } from './azure-error.ts';
import type { OpenStoreOptions, StoreLocation } from './open-store.ts';
import { askedWaitMs, isTransient } from './transient.ts';

type AzureLocation = Extract<StoreLocation, { kind: 'azure' }>;

/** How long the first contact may take: an endpoint that is away is told within 20 s. */
const LIMITS = { connectMsMax: 15_000 } as const;

/**
 * The SDK tries once: its retries know neither 429 nor Retry-After, set no limit to a try, and hide from a
 * put-if-absent that it was repeated. `withRetries` does it for every store alike.
 */
const CLIENT_OPTIONS = {
  retryOptions: { maxTries: 1 },
  userAgentOptions: { userAgentPrefix: 'sluice' },
};

/** The container of a lake, reached once: it is created where it is missing and that is asked for and allowed. */
export async function connectContainer(
  location: AzureLocation,
  options: OpenStoreOptions & { readonly setting: string },
  signal: AbortSignal,
): Promise<ContainerClient> {
  const container = await clientFor(location, options);
  const limit = AbortSignal.timeout(LIMITS.connectMsMax);
  const whole = AbortSignal.any([signal, limit]);
  const attempt = () =>
    touch(container, options.create ?? true, whole).catch((error: unknown) => {
      throw whole.aborted ? error : azureError(error, container.url, location.container, options.setting);
    });
  try {
    await retry(attempt, isTransient, systemClock, whole, { ...DEFAULT_BACKOFF, waitMs: askedWaitMs });
    return container;
  } catch (error) {
    signal.throwIfAborted();
    const cause = limit.aborted ? new Error(`no answer within ${LIMITS.connectMsMax / 1000} s`) : error;
    throw azureError(cause, container.url, location.container, options.setting);
  }
}

async function touch(container: ContainerClient, create: boolean, abortSignal: AbortSignal): Promise<void> {
  try {
    if (create) await container.createIfNotExists({ abortSignal });
    else await container.getProperties({ abortSignal });
  } catch (error) {
    // Who may only use blobs may neither create a container nor look at it: the first blob will tell.
    if (lacksPermission(error) || (!create && isAbsent(error))) return;
    throw error;
  }
}

async function clientFor(
  location: AzureLocation,
  options: OpenStoreOptions & { readonly setting: string },
): Promise<ContainerClient> {
  const service = serviceOf(options.connectionString);
  const url = `${location.endpoint}/${encodeURIComponent(location.container)}`;
  if (service !== undefined && service.accountName === location.account) {
    const known = service.credential;
    const keyed = location.pathStyle && known instanceof StorageSharedKeyCredential;
    return keyed ? new ContainerClient(url, known, CLIENT_OPTIONS) : service.getContainerClient(location.container);
  }
  if (location.endpoint.startsWith('http:')) {
    const found = service === undefined ? 'is not set' : `is for the account ${service.accountName}`;
    const message =
      `${options.setting} is the account ${location.account} over plain http, which needs its key, ` +
      `but AZURE_STORAGE_CONNECTION_STRING ${found}`;
    throw new SluiceError('configuration', message, { context: { account: location.account } });
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new ContainerClient(url, new DefaultAzureCredential(), CLIENT_OPTIONS);
}

function serviceOf(connectionString: string | undefined): BlobServiceClient | undefined {
  if (connectionString === undefined || connectionString.trim() === '') return undefined;
  try {
    return BlobServiceClient.fromConnectionString(connectionString, CLIENT_OPTIONS);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `AZURE_STORAGE_CONNECTION_STRING cannot be read: ${reason}`;
    throw new SluiceError('configuration', message, { cause });
  }
}
