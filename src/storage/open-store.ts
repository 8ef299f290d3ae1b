import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ContainerClient } from '@azure/storage-blob';
import { SluiceError } from '../base/errors.ts';
import { withRetries } from './retrying.ts';
import type { ObjectStore } from './storage.ts';

/** Where a lake is, as a setting says it. `endpoint` of Azure is the Blob service's, without a slash at the end. */
export type StoreLocation =
  | { readonly kind: 'folder'; readonly folder: string }
  | {
      readonly kind: 'azure';
      readonly account: string;
      readonly endpoint: string;
      /** The account stands in the path, not in the host name: Azurite and other stand-ins. */
      readonly pathStyle: boolean;
      readonly container: string;
      readonly prefix: string;
    };

export interface OpenStoreOptions {
  /** AZURE_STORAGE_CONNECTION_STRING, used where it names the location's account; else DefaultAzureCredential. */
  readonly connectionString?: string | undefined;
  /** Create a container that is missing. False for commands that only read. */
  readonly create?: boolean;
  /** The setting to name in messages. */
  readonly setting?: string;
}

const ACCOUNT_HOST = /^([a-z0-9]{3,24})\.(?:blob|dfs)\.(.+)$/;

/**
 * Reads a folder path or `file:` URL, `https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]`,
 * `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX`, or `http://HOST:PORT/ACCOUNT/CONTAINER[/PREFIX]` (Azurite).
 * Throws `configuration`.
 */
export function parseLake(text: string, setting = 'SLUICE_LAKE'): StoreLocation {
  const trimmed = text.trim();
  if (trimmed === '') throw wrong(setting, 'is empty');
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(trimmed)?.[1]?.toLowerCase();
  // A single letter before the colon is a drive of Windows.
  if (scheme === undefined) return { kind: 'folder', folder: path.resolve(trimmed) };
  const url = parsedUrl(trimmed, setting);
  if (scheme === 'file') return { kind: 'folder', folder: fileFolder(url, setting) };
  if (url.search !== '') throw wrong(setting, 'has a query: a signature goes into AZURE_STORAGE_CONNECTION_STRING');
  if (scheme === 'abfss' || scheme === 'abfs') return hadoopLocation(url, setting);
  if (scheme === 'https' || scheme === 'http') return httpLocation(url, setting);
  throw wrong(setting, `begins with "${scheme}:", which is no kind of lake`);
}

/**
 * Opens the store, with transient failures of its calls tried again. Azure: loads the SDK and makes sure of the
 * container, within 15 s; a folder: touches nothing.
 */
export async function openStore(
  location: StoreLocation,
  options: OpenStoreOptions,
  signal: AbortSignal,
): Promise<ObjectStore> {
  const setting = options.setting ?? 'SLUICE_LAKE';
  if (location.kind === 'folder') {
    const { openFolder } = await import('./folder.ts');
    return withRetries(openFolder(location.folder, setting));
  }
  const { connectContainer } = await import('./azure-container.ts');
  const { openAzureBlob } = await import('./azure-blob.ts');
  const container: ContainerClient = await connectContainer(location, { ...options, setting }, signal);
  return withRetries(openAzureBlob(container, location.prefix, setting));
}

function hadoopLocation(url: URL, setting: string): StoreLocation {
  const match = ACCOUNT_HOST.exec(url.hostname);
  if (match === null || url.username === '') {
    throw wrong(setting, 'is not of the form abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX');
  }
  const [, account = '', domain = ''] = match;
  const endpoint = `https://${account}.blob.${domain}`;
  const prefix = segmentsOf(url).join('/');
  return { kind: 'azure', account, endpoint, pathStyle: false, container: decodeURIComponent(url.username), prefix };
}

function httpLocation(url: URL, setting: string): StoreLocation {
  const match = ACCOUNT_HOST.exec(url.hostname);
  const pathStyle = match === null;
  const segments = segmentsOf(url);
  const account = match?.[1] ?? segments.shift();
  const container = segments.shift();
  if (account === undefined || container === undefined) {
    throw wrong(setting, 'names no container: https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]');
  }
  const endpoint = pathStyle ? `${url.origin}/${account}` : `${url.protocol}//${account}.blob.${match[2]}`;
  return { kind: 'azure', account, endpoint, pathStyle, container, prefix: segments.join('/') };
}

function segmentsOf(url: URL): string[] {
  return url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
}

function parsedUrl(text: string, setting: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw wrong(setting, `is no valid URL`, error);
  }
}

function fileFolder(url: URL, setting: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw wrong(setting, 'is no file: URL of this machine', error);
  }
}

function wrong(setting: string, what: string, cause?: unknown): SluiceError {
  const message = `${setting} ${what}; give a folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX]`;
  return new SluiceError('configuration', message, { context: { setting }, cause });
}
