import { SluiceError } from '../base/errors.ts';
import type { TableLocation } from './delta.ts';
import { decodeEntry, isCutOff, type Action } from './log-entry.ts';
import { memoryOf } from './log-memory.ts';
import { entryPath } from './log-path.ts';

/** Log entries read at the same time. */
const READS_AT_ONCE = 8;

export interface VersionActions {
  readonly version: number;
  readonly actions: readonly Action[];
}

/** The actions of these versions. Throws `table_corrupt` where one is missing or cannot be read. */
export async function readEntries(
  location: TableLocation,
  versions: readonly number[],
  signal: AbortSignal,
): Promise<VersionActions[]> {
  const { found, cutOff } = await readEntriesIfWhole(location, versions, signal);
  if (cutOff !== undefined) throw cutOffEntry(location, cutOff);
  const missing = versions.find((version, index) => found[index]?.version !== version);
  if (missing !== undefined) throw missingEntry(location, missing);
  return found;
}

/**
 * The entries that are there, and the first version whose entry is cut off. What this process knows of those that it
 * read before counts where they are still `listed` with that size and time; without, wherever it knows them. Throws
 * where one is spoilt otherwise.
 */
export async function readEntriesIfWhole(
  location: TableLocation,
  versions: readonly number[],
  signal: AbortSignal,
  listed?: ReadonlyMap<number, string>,
): Promise<{ readonly found: VersionActions[]; readonly cutOff: number | undefined }> {
  const found: VersionActions[] = [];
  let cutOff: number | undefined;
  for (let start = 0; start < versions.length; start += READS_AT_ONCE) {
    const slice = versions.slice(start, start + READS_AT_ONCE);
    const entries = await Promise.all(slice.map((version) => readEntry(location, version, signal, listed)));
    for (const [index, entry] of entries.entries()) {
      if (entry === 'cut off') cutOff ??= slice[index];
      else if (entry !== undefined) found.push(entry);
    }
  }
  return { found, cutOff };
}

export function missingEntry(location: TableLocation, version: number): SluiceError {
  const message =
    `${location.store.url}/${entryPath(location, version)} is missing: another program cleaned the log further ` +
    `than a reader still needs; run \`rebuild\``;
  return new SluiceError('table_corrupt', message, { context: { table: location.root, version } });
}

export function cutOffEntry(location: TableLocation, version: number): SluiceError {
  const message =
    `the log entry ${location.store.url}/${entryPath(location, version)} is cut off: the program that wrote it died, ` +
    `or a disk lost its end. Nothing can be written after it: restore it, or delete it if nobody was told that it ` +
    `was committed`;
  return new SluiceError('table_corrupt', message, { context: { table: location.root, version, cutOff: true } });
}

/** Undefined where there is none. */
async function readEntry(
  location: TableLocation,
  version: number,
  signal: AbortSignal,
  listed: ReadonlyMap<number, string> | undefined,
): Promise<VersionActions | 'cut off' | undefined> {
  const memory = memoryOf(location);
  const written = listed?.get(version);
  const known = listed === undefined || written !== undefined ? memory.entry(version, written) : undefined;
  if (known !== undefined) return { version, actions: known };
  const path = entryPath(location, version);
  const data = await location.store.read(path, signal);
  if (data === undefined) return undefined;
  if (isCutOff(data)) return 'cut off';
  const actions = decodeEntry(data, path);
  if (written !== undefined) memory.keepEntry(version, written, actions);
  return { version, actions };
}
