import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Column } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { isAbort, SluiceError } from '../base/errors.ts';
import { objectPathOf, type DataFile, type TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import type { ObjectInfo } from '../storage/storage.ts';
import type { KeyOptions, KeyPacks, WantedKeys } from './keys.ts';
import { PackFile } from './pack-file.ts';
import { packsToFold } from './packs-to-fold.ts';
import { hashesOfFile, hashesOfRelation } from './read-hashes.ts';
import { withoutRepeats, writePack } from './write-pack.ts';

/** See the door. */
export function openKeyPacks(area: Database, options: KeyOptions): KeyPacks {
  return new TablePacks(area, options);
}

/** See the door. */
export function keysFolder({ root }: TableLocation): string {
  return `_sluice/keys/${root.split('/').at(-1)}/`;
}

class TablePacks implements KeyPacks {
  readonly #area: Database;
  readonly #options: KeyOptions;
  readonly #columns: readonly Column[];
  /** The hashes of files that are in no pack yet. */
  readonly #gathered = new Map<string, Float64Array>();
  /** Ends with the gathering that was asked for last. */
  #gathering: Promise<void> = Promise.resolve();
  /** Packs that were read, by their paths. */
  readonly #read = new Map<string, PackFile>();

  constructor(area: Database, options: KeyOptions) {
    this.#area = area;
    this.#options = options;
    const typed = new Map(options.contract.columns.map((column) => [column.name, column]));
    this.#columns = options.columns.map((name) => present(typed.get(name), `column ${name}`));
  }

  async find(files: Iterable<DataFile>, wanted: WantedKeys, signal: AbortSignal): Promise<DataFile[]> {
    const live = [...files];
    if (live.length === 0) return [];
    const hashes = (await this.#hashesOf(wanted, signal)).toSorted();
    const found = new Set<string>();
    const known = new Set(this.#gathered.keys());
    for (const pack of await this.#packs(this.#named(await this.#listed(signal), PACK), signal)) {
      const holding = await pack.holding(hashes).catch((error: unknown) => this.#warn('key pack not read', error));
      // Another run has folded it meanwhile: what no other pack says of its files they say themselves.
      if (holding === undefined) continue;
      for (const path of pack.files) known.add(path);
      for (const path of holding) found.add(path);
    }
    const unknown = live.filter(({ path }) => !known.has(path));
    await this.#gatherOnce(wanted.area ?? this.#area, unknown, signal);
    const isWanted = new Set(this.#gathered.size === 0 ? [] : hashes);
    for (const [path, own] of this.#gathered) if (own.some((hash) => isWanted.has(hash))) found.add(path);
    return live.filter(({ path }) => found.has(path));
  }

  async note(database: Database, localFile: string, path: string): Promise<void> {
    this.#gathered.set(path, await this.#hashesIn(database, localFile));
  }

  async save(live: ReadonlyMap<string, DataFile>, signal: AbortSignal): Promise<void> {
    if (this.#gathered.size === 0) return;
    try {
      const listed = await this.#listed(signal);
      const folded = packsToFold(this.#named(listed, PACK));
      const former = this.#named(listed, FORMER_PACK);
      await this.#write(await this.#packs(folded, signal), live, signal);
      for (const { path } of [...folded, ...former]) await this.#options.table.store.delete(path, signal);
      this.#gathered.clear();
    } catch (error) {
      if (isAbort(error)) throw error;
      this.#warn('key pack not written', error);
    }
  }

  /** One that cannot be read is deleted: it can be made again from the files. */
  async #packs(listed: readonly ObjectInfo[], signal: AbortSignal): Promise<PackFile[]> {
    const packs: PackFile[] = [];
    for (const { path } of listed) {
      const known = this.#read.get(path) ?? (await this.#readPack(path, signal));
      if (known === undefined) continue;
      this.#read.set(path, known);
      packs.push(known);
    }
    return packs;
  }

  async #readPack(path: string, signal: AbortSignal): Promise<PackFile | undefined> {
    const { table, scratch } = this.#options;
    const local = await scratch.fetch(table.store, path, signal).catch((error: unknown) => {
      if (isAbort(error)) throw error;
      // One that another run folded meanwhile is not missed.
      this.#warn('key pack not read', error);
      return undefined;
    });
    if (local === undefined) return undefined;
    try {
      return await PackFile.open(local);
    } catch (error) {
      this.#warn('key pack is spoilt, or of another version', error);
      await table.store.delete(path, signal);
      return undefined;
    }
  }

  get #prefix(): string {
    const { table, columns } = this.#options;
    return `${keysFolder(table)}${columns.join('+')}-`;
  }

  async #listed(signal: AbortSignal): Promise<ObjectInfo[]> {
    const listed: ObjectInfo[] = [];
    for await (const found of this.#options.table.store.list(this.#prefix, signal)) listed.push(found);
    return listed;
  }

  #named(listed: readonly ObjectInfo[], name: RegExp): ObjectInfo[] {
    return listed.filter(({ path }) => name.test(path.slice(this.#prefix.length)));
  }

  /** Look-ups side by side wait for each other here, so that a file is read once. */
  async #gatherOnce(area: Database, files: readonly DataFile[], signal: AbortSignal): Promise<void> {
    if (files.length === 0) return;
    const turn = this.#gathering.then(() => {
      const missing = files.filter(({ path }) => !this.#gathered.has(path));
      return this.#gather(area, missing, signal);
    });
    // Whoever asked is told; the next one tries by itself.
    this.#gathering = turn.catch(() => {});
    await turn;
  }

  async #gather(area: Database, files: readonly DataFile[], signal: AbortSignal): Promise<void> {
    const { table } = this.#options;
    for (const file of files) {
      signal.throwIfAborted();
      const scratch = this.#options.scratch.scope();
      try {
        const local = await scratch.fetch(table.store, objectPathOf(table, file), signal);
        // Of many files at once each hash is held once.
        this.#gathered.set(file.path, withoutRepeats((await this.#hashesIn(area, local, signal)).toSorted()));
      } finally {
        scratch.release();
      }
    }
  }

  async #write(folded: readonly PackFile[], live: ReadonlyMap<string, DataFile>, signal: AbortSignal): Promise<void> {
    const { table, scratch } = this.#options;
    const local = scratch.newFile('.keys');
    try {
      await writePack(local, this.#gathered, folded, (file) => live.has(file));
      const name = `${this.#prefix}${randomUUID()}.keys`;
      await table.store.upload(name, local, signal);
    } finally {
      await rm(local, { force: true });
    }
  }

  async #hashesOf({ from, file, area = this.#area }: WantedKeys, signal: AbortSignal): Promise<Float64Array> {
    const read = file === undefined ? undefined : await hashesOfFile(file, this.#columns, signal);
    return read ?? hashesOfRelation(area, { sql: from }, this.#columns, this.#options.scratch, signal);
  }

  async #hashesIn(database: Database, file: string, signal?: AbortSignal): Promise<Float64Array> {
    const read = await hashesOfFile(file, this.#columns, signal).catch((error: unknown) => {
      if (!(error instanceof SluiceError)) throw error;
      // What looks broken here DuckDB may read, or say better what it is.
      return undefined;
    });
    const from = { sql: 'read_parquet($file, hive_partitioning = false)', parameters: { file } };
    return read ?? hashesOfRelation(database, from, this.#columns, this.#options.scratch, signal);
  }

  #warn(what: string, error: unknown): undefined {
    const { table, columns, log } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(what, { table: table.root, columns: columns.join(', '), reason });
  }
}

const PACK = /^[0-9a-f-]{36}\.keys$/;
/** Those of 0.1, which nobody reads any more. */
const FORMER_PACK = /^[0-9a-f-]{36}\.parquet$/;
