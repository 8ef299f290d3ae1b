import type { Log } from '../base/log.ts';
import { allOf } from '../base/side-by-side.ts';
import type { DataFile } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import { openKeyPacks, type KeyPacks, type WantedKeys } from '../keys/keys.ts';
import type { Scratch } from '../storage/scratch.ts';
import { filesOf, type PinnedSource } from './pinned-sources.ts';

/** Finds the files of a view's sources that hold a key. Packs are opened once a source and locator. */
export interface SourceKeys {
  find(source: PinnedSource, columns: readonly string[], wanted: WantedKeys, signal: AbortSignal): Promise<DataFile[]>;
  /** Writes packs of files that were in none. */
  save(signal: AbortSignal): Promise<void>;
}

export function openSourceKeys(area: Database, tools: { readonly scratch: Scratch; readonly log: Log }): SourceKeys {
  const opened = new Map<string, { readonly source: PinnedSource; readonly packs: KeyPacks }>();
  return {
    async find(source, columns, wanted, signal) {
      const name = `${source.read.table} by ${columns.join('+')}`;
      let found = opened.get(name);
      if (found === undefined) {
        const { location: table, contract } = source;
        found = { source, packs: openKeyPacks(area, { ...tools, table, contract, columns }) };
        opened.set(name, found);
      }
      return found.packs.find(filesOf(source), wanted, signal);
    },
    async save(signal) {
      await allOf(
        [...opened.values()].map(({ source, packs }) => packs.save(source.snapshot?.files ?? new Map(), signal)),
      );
    },
  };
}
