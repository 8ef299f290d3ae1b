import { SluiceError } from '../../src/base/errors.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

/**
 * What happens to a put-if-absent: it fails before it takes effect, its reply is lost after it took effect, or the
 * client repeats it after a lost reply and is told `false`.
 */
export type PutFault = 'fails' | 'reply lost' | 'repeated' | 'none';

/** A store whose put-if-absent meets the faults given, one a call, for names that match; then none. */
export function faultyStore(store: ObjectStore, faults: PutFault[], match: RegExp = /_delta_log\/\d{20}\.json$/) {
  return {
    ...store,
    async putIfAbsent(path: string, data: Uint8Array, signal: AbortSignal): Promise<boolean> {
      const fault = match.test(path) ? (faults.shift() ?? 'none') : 'none';
      if (fault === 'fails') throw new SluiceError('storage_unavailable', 'the network is away');
      const won = await store.putIfAbsent(path, data, signal);
      if (fault === 'reply lost') throw new SluiceError('storage_unavailable', 'the reply was lost');
      return fault === 'repeated' ? false : won;
    },
  } satisfies ObjectStore;
}
