import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { isAbort } from '../base/errors.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { objectPathOf, type DataFile, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { ObjectInfo } from '../storage/storage.ts';
import type { KeyOptions, KeyPacks } from './keys.ts';
import { packsToFold } from './packs-to-fold.ts';

const createSql = sqlFile(new URL('statements/create.sql', import.meta.url));
const noteSql = sqlFile(new URL('statements/note.sql', import.meta.url));
const scanSql = sqlFile(new URL('statements/scan.sql', import.meta.url));
const lookUpSql = sqlFile(new URL('statements/look-up.sql', import.meta.url));
const lookUpGatheredSql = sqlFile(new URL('statements/look-up-gathered.sql', import.meta.url));
const writeSql = sqlFile(new URL('statements/write.sql', import.meta.url));
const takeOverSql = sqlFile(new URL('statements/take-over.sql', import.meta.url));
const readSql = sqlFile(new URL('statements/read.sql', import.meta.url));

/** Files without a pack that are read in one statement. */
const SCANNED_AT_ONCE = 32;

/** See the door. */
export async function openKeyPacks(area: Database, options: KeyOptions): Promise<KeyPacks> {
  const packs = new TablePacks(area, options);
  await packs.open();
  return packs;
}

/** See the door. */
export function keysFolder({ root }: TableLocation): string {
  return `_sluice/keys/${root.split('/').at(-1)}/`;
}

class TablePacks implements KeyPacks {
  readonly #area: Database;
  readonly #options: KeyOptions;
  readonly #parts: Readonly<Record<string, string>>;
  /** Files whose keys are gathered, and not in a pack yet. */
  readonly #gathered = new Set<string>();

  constructor(area: Database, options: KeyOptions) {
    this.#area = area;
    this.#options = options;
    const { columns, gatheredIn } = options;
    this.#parts = { gathered: quoted(gatheredIn), columns: quotedList(columns), hash: hashOf(columns) };
  }

  async open(): Promise<void> {
    await this.#area.run(filled(createSql, this.#parts));
  }

  async find(files: Iterable<DataFile>, wanted: string, signal: AbortSignal): Promise<DataFile[]> {
    const live = [...files];
    if (live.length === 0) return [];
    const parts = { ...this.#parts, wanted: quoted(wanted) };
    const holds = await this.#lookUp(parts, signal);
    await this.#gather(
      live.filter(({ path }) => !holds.has(path) && !this.#gathered.has(path)),
      signal,
    );
    const found = await this.#lookUpGathered(parts, signal);
    return live.filter(({ path }) => holds.get(path) === true || found.has(path));
  }

  async note(database: Database, localFile: string, path: string): Promise<void> {
    await database.run(filled(noteSql, this.#parts), { file: localFile, path });
    this.#gathered.add(path);
  }

  async save(live: ReadonlyMap<string, DataFile>, signal: AbortSignal): Promise<void> {
    if (this.#gathered.size === 0) return;
    try {
      const folded = packsToFold(await this.#list(signal));
      await this.#takeOver(folded, live, signal);
      await this.#write(signal);
      for (const { path } of folded) await this.#options.table.store.delete(path, signal);
      await this.open();
      this.#gathered.clear();
    } catch (error) {
      if (isAbort(error)) throw error;
      this.#warn('key pack not written', error);
    }
  }

  /** File → whether it may hold a wanted key, for every file of the packs. */
  async #lookUp(parts: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Map<string, boolean>> {
    const lookUp = async (listed: readonly ObjectInfo[]): Promise<Map<string, boolean>> => {
      const packs = await this.#fetch(listed, signal);
      if (packs.length === 0) return new Map();
      const sql = filled(lookUpSql, parts);
      const rows = await this.#area.rows<{ file: string; holds: boolean }>(sql, { packs }, signal);
      return new Map(rows.map(({ file, holds }) => [file, holds]));
    };
    const listed = await this.#list(signal);
    try {
      return await lookUp(listed);
    } catch (error) {
      if (isAbort(error)) throw error;
      this.#warn('key packs cannot be read', error);
      for (const pack of listed) await this.#deleteIfSpoilt(pack, signal);
      return lookUp(await this.#list(signal));
    }
  }

  /** It can be made again from the files. */
  async #deleteIfSpoilt(pack: ObjectInfo, signal: AbortSignal): Promise<void> {
    const { store } = this.#options.table;
    try {
      const packs = await this.#fetch([pack], signal);
      if (packs.length > 0) await this.#area.rows(readSql, { packs }, signal);
    } catch (error) {
      if (isAbort(error)) throw error;
      await store.delete(pack.path, signal);
    }
  }

  async #lookUpGathered(parts: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Set<string>> {
    if (this.#gathered.size === 0) return new Set();
    const rows = await this.#area.rows<{ file: string }>(filled(lookUpGatheredSql, parts), {}, signal);
    return new Set(rows.map(({ file }) => file));
  }

  async #list(signal: AbortSignal): Promise<ObjectInfo[]> {
    const { table, columns } = this.#options;
    const packs: ObjectInfo[] = [];
    const prefix = `${keysFolder(table)}${columns.join('+')}-`;
    for await (const found of table.store.list(prefix, signal)) {
      if (PACK.test(found.path.slice(prefix.length))) packs.push(found);
    }
    return packs;
  }

  /** Local copies. One that another run folded meanwhile is not missed. */
  async #fetch(packs: readonly ObjectInfo[], signal: AbortSignal): Promise<string[]> {
    const { table, scratch } = this.#options;
    const found = await Promise.all(
      packs.map(({ path }) =>
        scratch.fetch(table.store, path, signal).catch((error: unknown) => {
          if (isAbort(error)) throw error;
          this.#warn('key pack not read', error);
          return undefined;
        }),
      ),
    );
    return found.filter((file) => file !== undefined);
  }

  async #gather(files: readonly DataFile[], signal: AbortSignal): Promise<void> {
    const { table } = this.#options;
    for (let at = 0; at < files.length; at += SCANNED_AT_ONCE) {
      const slice = files.slice(at, at + SCANNED_AT_ONCE);
      const scratch = this.#options.scratch.scope();
      try {
        const fetches = slice.map((file) => scratch.fetch(table.store, objectPathOf(table, file), signal));
        const paths = slice.map(({ path }) => path);
        await this.#area.run(filled(scanSql, this.#parts), { files: await Promise.all(fetches), paths }, signal);
        for (const path of paths) this.#gathered.add(path);
      } finally {
        scratch.release();
      }
    }
  }

  async #takeOver(
    folded: readonly ObjectInfo[],
    live: ReadonlyMap<string, DataFile>,
    signal: AbortSignal,
  ): Promise<void> {
    const packs = await this.#fetch(folded, signal);
    if (packs.length === 0 || live.size === 0) return;
    await this.#area.run(filled(takeOverSql, this.#parts), { packs, live: [...live.keys()] }, signal);
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { table, columns, scratch } = this.#options;
    const local = scratch.newFile('.parquet');
    try {
      await this.#area.run(filled(writeSql, this.#parts), { pack: local }, signal);
      const name = `${keysFolder(table)}${columns.join('+')}-${randomUUID()}.parquet`;
      await table.store.upload(name, local, signal);
    } finally {
      await rm(local, { force: true });
    }
  }

  #warn(what: string, error: unknown): void {
    const { table, columns, log } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn(what, { table: table.root, columns: columns.join(', '), reason });
  }
}

const PACK = /^[0-9a-f-]{36}\.parquet$/;

/** 40 bits of the md5, as SQL. DuckDB's own hash() may change with its version, and these are kept. */
function hashOf(columns: readonly string[]): string {
  const texts = columns.map((column) => `CAST(${quoted(column)} AS VARCHAR)`);
  const key = texts.length === 1 ? texts[0] : `concat_ws(chr(31), ${texts.join(', ')})`;
  return `(md5_number_lower(${key}) >> 24)::BIGINT`;
}
