import { createHash } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { DataFile, Snapshot } from '../delta/delta.ts';
import { sqlFile } from '../duckdb/duckdb.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import type { BronzePart } from './bronze-parts.ts';
import { contractHash } from './contract-drift.ts';
import { eventRules } from './event-rules.ts';
import type { Merge } from './merge-batch.ts';
import type { RebuildOptions, RebuildOutcome } from './silver.ts';

const limits = {
  /** It is written again when so large a share of what is staged is new: that is what a crash costs, or one part. */
  growthShare: 0.1,
  /** Of more staged files none is written: the object would be larger than what it saves is worth. */
  filesMax: 50_000,
} as const;

/** Where what an interrupted rebuild has staged is written down. */
export const PROGRESS_FOLDER = '_sluice/rebuild/';

export type Counts = Pick<RebuildOutcome, 'rowsIn' | 'accepted' | 'rejected' | 'rows'>;

export const NOTHING: Counts = { rowsIn: 0, accepted: 0, rejected: 0, rows: 0 };

/** The tables as they are, whatever time zone and contract they were made for. */
export interface Target {
  /** Undefined: nothing arrived yet. */
  readonly bronze: Snapshot | undefined;
  readonly silver: Snapshot;
  readonly rejected: Snapshot;
}

/** What one part of bronze has become. */
export interface StagedPart {
  readonly merge: Merge;
  readonly rejected: readonly DataFile[];
  readonly rowsIn: number;
  readonly accepted: number;
}

/** The object in the lake. */
interface Written {
  readonly madeOf: string;
  /** Bronze file → rows of it that are done; null: all. */
  readonly done: Readonly<Record<string, number | null>>;
  readonly silver: readonly DataFile[];
  readonly rejected: readonly DataFile[];
  readonly counts: Counts;
  readonly parts: number;
}

/**
 * What a rebuild has staged: files that nobody refers to, and which rows of bronze they are made of. It is written
 * down as it grows, so that the next rebuild goes on there: where it would make the same of those rows, all of them
 * are still live, and no staged file is gone.
 */
export class RebuildProgress {
  readonly silver: Map<string, DataFile>;
  readonly rejected: DataFile[];
  readonly counts: Record<keyof Counts, number>;
  readonly #done: Map<string, number | null>;
  readonly #options: RebuildOptions;
  readonly #madeOf: string | undefined;
  #parts: number;
  #writtenParts: number;
  #stands: boolean;

  private constructor(
    options: RebuildOptions,
    madeOf: string | undefined,
    found: Written | undefined,
    stands: boolean,
  ) {
    this.#options = options;
    this.#madeOf = madeOf;
    this.#stands = stands;
    this.silver = new Map(found?.silver.map((file) => [file.path, file]));
    this.rejected = [...(found?.rejected ?? [])];
    this.counts = { ...(found?.counts ?? NOTHING) };
    this.#done = new Map(Object.entries(found?.done ?? {}));
    this.#parts = found?.parts ?? 0;
    this.#writtenParts = this.#parts;
  }

  /** What the lake has of an earlier rebuild where that counts, or nothing. */
  static async open(options: RebuildOptions, target: Target, signal: AbortSignal): Promise<RebuildProgress> {
    const data = await options.silver.store.read(pathOf(options), signal);
    const madeOf = fingerprint(options, target);
    const written = data === undefined || madeOf === undefined ? undefined : parsed(data);
    const counts =
      written !== undefined && written.madeOf === madeOf && (await isUsable(written, options, target, signal));
    const found = counts ? written : undefined;
    const { log, dataset } = options;
    if (found !== undefined) {
      log.info('an interrupted rebuild is gone on with', { dataset: dataset.name, rows: found.counts.rowsIn });
    } else if (data !== undefined) {
      log.info('what an interrupted rebuild staged is of another state: begun anew', { dataset: dataset.name });
    }
    return new RebuildProgress(options, madeOf, found, data !== undefined);
  }

  /** Of these files those that have rows to judge. */
  left(files: Iterable<DataFile>): DataFile[] {
    return [...files].filter(({ path }) => this.#done.get(path) !== null);
  }

  isDone({ files, rows }: BronzePart): boolean {
    const done = this.#done.get(files[0]?.path ?? '') ?? 0;
    if (rows === undefined || done === 0) return false;
    assert(rows.end <= done || rows.first >= done, 'a file is cut at the same rows again');
    return rows.end <= done;
  }

  add({ files, rows }: BronzePart, { merge, rejected, rowsIn, accepted }: StagedPart): void {
    for (const { path } of files) this.#done.set(path, rows?.end ?? null);
    for (const { path } of merge.remove) this.silver.delete(path);
    for (const file of merge.add) this.silver.set(file.path, file);
    this.rejected.push(...rejected);
    this.counts.rowsIn += rowsIn;
    this.counts.accepted += accepted;
    this.counts.rejected += rowsIn - accepted;
    this.counts.rows += merge.newKeys;
    this.#parts += 1;
  }

  /** Before the next part, or where a stop is heeded. */
  async write(isLast: boolean, signal: AbortSignal): Promise<void> {
    const grown = this.#parts - this.#writtenParts;
    if (grown === 0 || this.#madeOf === undefined) return;
    if (!isLast && grown < this.#parts * limits.growthShare) return;
    if (this.silver.size + this.rejected.length > limits.filesMax) return;
    const written: Written = {
      madeOf: this.#madeOf,
      done: Object.fromEntries(this.#done),
      silver: [...this.silver.values()],
      rejected: this.rejected,
      counts: this.counts,
      parts: this.#parts,
    };
    await this.#options.silver.store.put(pathOf(this.#options), Buffer.from(JSON.stringify(written)), signal);
    [this.#writtenParts, this.#stands] = [this.#parts, true];
  }

  /** Once all of it is committed. */
  async remove(signal: AbortSignal): Promise<void> {
    if (this.#stands) await this.#options.silver.store.delete(pathOf(this.#options), signal);
    this.#stands = false;
  }
}

function pathOf({ dataset }: RebuildOptions): string {
  return `${PROGRESS_FOLDER}${dataset.name}.json`;
}

/**
 * Of all that decides what a bronze row becomes, and where. Undefined: the contract asks something that only its code
 * says, so that nobody can tell whether it is still the same.
 */
function fingerprint(options: RebuildOptions, { bronze, silver, rejected }: Target): string | undefined {
  const { dataset, timeZone, engine } = options;
  // Files are cut at the same rows only where the same memory is there.
  const bodyBytesMax = bodyBytesMaxOf(options);
  const rules = eventRules(dataset);
  if (rules === undefined) return undefined;
  const tables = [bronze, silver, rejected].map((table) => table?.tableId);
  const model = [dataset.model, ...dataset.audits].map((url) => sqlFile(url));
  const contract = contractHash(dataset);
  const facts = JSON.stringify({ engine, timeZone, contract, rules, model, tables, bodyBytesMax });
  return createHash('sha256').update(facts).digest('hex');
}

function parsed(data: Uint8Array): Written | undefined {
  try {
    return (JSON.parse(Buffer.from(data).toString('utf8')) ?? undefined) as Written | undefined;
  } catch {
    return undefined;
  }
}

/** Every row that is done is still live under its own name, and every staged file is there. */
async function isUsable(
  written: Written,
  { silver, rejected }: RebuildOptions,
  { bronze }: Target,
  signal: AbortSignal,
): Promise<boolean> {
  if (!Object.keys(written.done).every((path) => bronze?.files.has(path))) return false;
  for (const [table, files] of [[silver, written.silver] as const, [rejected, written.rejected] as const]) {
    const there = new Set<string>();
    if (files.length === 0) continue;
    for await (const { path } of table.store.list(`${table.root}/`, signal)) there.add(path);
    if (!files.every(({ path }) => there.has(`${table.root}/${decodeURIComponent(path)}`))) return false;
  }
  return true;
}
