import * as putting from './put-once.ts';
import type { PutOnceContext } from './put-once.ts';

/**
 * The lake as an object store: whole objects, named by paths with `/`, relative to the lake's root.
 *
 * Protocol: `put` and `upload` are durable when they return; `putIfAbsent` is atomic among all writers, a reader
 * sees the whole object or none; objects whose name nobody else can pick may be written with `put`. A reply that
 * was lost is the caller's to settle, by reading the object back.
 */
export interface ObjectStore {
  /** Where it is, for messages. Never a secret. */
  readonly url: string;
  /** The whole object, or undefined where there is none. */
  read(path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Creates or replaces. Metadata: lower-case names; an object without bytes may have them. */
  put(path: string, data: Uint8Array, signal: AbortSignal, metadata?: ObjectMetadata): Promise<void>;
  /** False where an object of this name is there already: the other writer's bytes stay. */
  putIfAbsent(path: string, data: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /** Objects whose path begins with the prefix, in code unit order of their paths; `after` leaves out what is ≤ it. */
  list(prefix: string, signal: AbortSignal, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** No error where there is none. */
  delete(path: string, signal: AbortSignal): Promise<void>;
  /** Puts a local file. */
  upload(path: string, localFile: string, signal: AbortSignal): Promise<void>;
  /** Writes the object to a local file; false where there is none. */
  download(path: string, localFile: string, signal: AbortSignal): Promise<boolean>;
  /** The object's own file where the store is on this machine: it can be read without a download. */
  localPath(path: string): string | undefined;
}

export type ObjectMetadata = Readonly<Record<string, string>>;

export interface ListOptions {
  readonly after?: string;
  /** Fill in `metadata` (it costs more on Azure). */
  readonly metadata?: boolean;
}

export interface ObjectInfo {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly metadata?: ObjectMetadata;
}

/**
 * Puts an object where none is, and finds out who won where nobody told: an error, or "taken" after a request that was
 * repeated, is settled by reading the object back. The bytes must be this writer's own (hold a token that no other
 * has). Where nothing is there the same bytes are put again, so that a request which lands late can only lose.
 * Throws what the store throws when tries end; the put may then still land.
 */
export function putOnce(
  store: ObjectStore,
  path: string,
  data: Uint8Array,
  context: PutOnceContext,
  signal: AbortSignal,
): Promise<'won' | 'taken'> {
  return putting.putOnce(store, path, data, context, signal);
}
