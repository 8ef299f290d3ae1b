import { isAbort, SluiceError } from '../base/errors.ts';
import { backoffDelayMs, DEFAULT_BACKOFF } from '../base/backoff.ts';
import type { CommitContext, TableLocation } from './delta.ts';
import { decodeEntry } from './log-entry.ts';
import { entryPath } from './log-path.ts';

/**
 * Puts a log entry where none is. An outcome that nobody told (an error, or `false` after a repeated request whose
 * first reply was lost) is settled by reading the entry back and looking for our token. The same bytes are put again
 * where nothing is there, so a request that lands late can only lose. Throws what the store throws, when tries end.
 */
export async function putEntry(
  location: TableLocation,
  version: number,
  entry: Uint8Array,
  txnId: string,
  context: CommitContext,
  signal: AbortSignal,
): Promise<'won' | 'taken'> {
  const path = entryPath(location, version);
  for (let attempt = 0; ; attempt++) {
    try {
      if (await location.store.putIfAbsent(path, entry, signal)) return 'won';
      const owner = await ownerOf(location, path, signal);
      if (owner !== undefined) return owner.txnId === txnId ? 'won' : 'taken';
    } catch (error) {
      if (isAbort(error) || !(error instanceof SluiceError)) throw error;
      const settled = await settle(location, path, txnId, signal);
      if (settled !== undefined) return settled;
      if (!error.retryable || attempt + 1 >= DEFAULT_BACKOFF.attemptsMax) throw error;
    }
    await context.clock.sleep(backoffDelayMs(attempt, DEFAULT_BACKOFF, context.random ?? Math.random), signal);
  }
}

/** Undefined where the entry is not there, or cannot be read now. */
async function settle(
  location: TableLocation,
  path: string,
  txnId: string,
  signal: AbortSignal,
): Promise<'won' | 'taken' | undefined> {
  try {
    const owner = await ownerOf(location, path, signal);
    if (owner === undefined) return undefined;
    return owner.txnId === txnId ? 'won' : 'taken';
  } catch (error) {
    if (isAbort(error) || !(error instanceof SluiceError) || !error.retryable) throw error;
    return undefined;
  }
}

async function ownerOf(
  location: TableLocation,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly txnId: string | undefined } | undefined> {
  const data = await location.store.read(path, signal);
  if (data === undefined) return undefined;
  const info = decodeEntry(data, path).find(({ commitInfo }) => commitInfo !== undefined)?.commitInfo;
  return { txnId: info?.txnId };
}
