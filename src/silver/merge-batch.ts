import type { DatasetContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { audit } from '../base/audit.ts';
import { SluiceError } from '../base/errors.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { defineRelation, writeFiles, type DataFile, type Snapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { Scratch } from '../storage/scratch.ts';
import { findFiles } from './find-files.ts';

const incomingSql = sqlFile(new URL('statements/incoming.sql', import.meta.url));
const mergeSql = sqlFile(new URL('statements/merge.sql', import.meta.url));
const replacementSql = sqlFile(new URL('statements/replacement.sql', import.meta.url));
const countMergeSql = sqlFile(new URL('statements/count-merge.sql', import.meta.url));
const countReplacementSql = sqlFile(new URL('statements/count-replacement.sql', import.meta.url));
const oneRowAKeySql = sqlFile(new URL('audits/one_row_a_key.sql', import.meta.url));

/** Columns that every dataset has: what a silver row keeps of its bronze row, and when it was written. */
const ORIGIN = ['enqueued_at', 'partition_id', 'sequence_number', 'loaded_at'];
const LOADED_AT = 'loaded_at';

export interface Batch {
  readonly dataset: DatasetContract;
  readonly location: TableLocation;
  readonly snapshot: Snapshot;
  readonly loadedAtUs: bigint;
}

/** What a commit has to do, with counts of rows. */
export interface Merge {
  readonly remove: readonly DataFile[];
  readonly add: readonly DataFile[];
  /** Rows that are new or changed. */
  readonly written: number;
  /** Of these, rows of keys that were not there. */
  readonly newKeys: number;
}

export const NOTHING_MERGED: Merge = { remove: [], add: [], written: 0, newKeys: 0 };

/**
 * Merges the table `judged` of the work area into the silver table as of the snapshot, copy on write by files: finds
 * the files of the affected groups, the winners of their keys, and the rows that differ from those there; writes the
 * files that take the place of those with such a row. `measured` times the parts.
 */
export async function mergeBatch(
  area: Database,
  batch: Batch,
  scratch: Scratch,
  measured: <T>(step: 'merge' | 'write', action: () => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<Merge> {
  const { dataset, location, snapshot } = batch;
  const parts = partsOf(dataset);
  const counts = await measured('merge', () => findChanges(area, batch, parts, scratch, signal));
  if (counts.changed === 0) return NOTHING_MERGED;
  const remove = await measured('merge', () =>
    findFiles(area, { location, files: counts.read, columns: dataset.key, wanted: 'changed' }, scratch, signal),
  );
  await measured('merge', () => replace(area, batch, remove, parts, counts.newKeys, scratch, signal));
  const add = await measured('write', () =>
    writeFiles(area, location, snapshot.contract, 'replacement', scratch, signal),
  );
  return { remove, add, written: counts.changed, newKeys: counts.newKeys };
}

interface Changes {
  readonly read: readonly DataFile[];
  readonly changed: number;
  readonly newKeys: number;
}

async function findChanges(
  area: Database,
  { dataset, location, snapshot, loadedAtUs }: Batch,
  parts: Parts,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<Changes> {
  await area.run(filled(incomingSql, parts), { loaded_at_us: loadedAtUs });
  await area.run('DROP TABLE judged');
  const live = [...snapshot.files.values()];
  const search = { location, files: live, columns: dataset.group, wanted: 'incoming' };
  const read = await findFiles(area, search, scratch, signal);
  await defineRelation(area, 'stored', location, snapshot.contract, read, scratch, signal);
  await area.run(filled(mergeSql, parts));
  for (const url of dataset.audits) {
    const name = present(url.pathname.split('/').at(-1), 'file name');
    await area.run('CREATE OR REPLACE VIEW "rows" AS FROM fresh');
    await audit(area, sqlFile(url), location.root, name);
  }
  const counts = await area.rows<Record<'events' | 'modelled' | 'changed' | 'new_keys', bigint>>(
    filled(countMergeSql, parts),
  );
  const [events, modelled, changed, newKeys] = numbers(counts, ['events', 'modelled', 'changed', 'new_keys']);
  if (events !== modelled) throw broken(location, `the model made ${modelled} rows of ${events} winning events`);
  return { read, changed, newKeys };
}

async function replace(
  area: Database,
  { location, snapshot }: Batch,
  remove: readonly DataFile[],
  parts: Parts,
  newKeys: number,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<void> {
  await defineRelation(area, 'rewritten', location, snapshot.contract, remove, scratch, signal);
  await area.run(filled(replacementSql, parts));
  await audit(area, filled(oneRowAKeySql, parts), location.root, 'one_row_a_key.sql');
  const counts = await area.rows<Record<'rows_before' | 'rows_after', bigint>>(countReplacementSql);
  const [before, after] = numbers(counts, ['rows_before', 'rows_after']);
  if (after === before + newKeys) return;
  throw broken(location, `${before} rows and ${newKeys} new keys became ${after} rows`);
}

function broken({ root }: TableLocation, what: string): SluiceError {
  const message = `${root}: ${what}; nothing of them was committed`;
  return new SluiceError('conservation_broken', message, { context: { table: root } });
}

/** The columns of the only row, as numbers. */
function numbers<const Names extends readonly string[]>(
  rows: readonly Readonly<Record<string, bigint>>[],
  names: Names,
): { [at in keyof Names]: number } {
  return names.map((name) => Number(rows[0]?.[name] ?? 0)) as { [at in keyof Names]: number };
}

type Parts = Readonly<Record<string, string>>;

/** The identifiers of the dataset, for the statements' placeholders. */
function partsOf(dataset: DatasetContract): Parts {
  const columns = dataset.silver.columns.map(({ name }) => name);
  const compared = columns.filter((name) => name !== LOADED_AT);
  const fields = dataset.fields.map(({ name }) => name);
  return {
    columns: quotedList(columns),
    event_columns: quotedList([...fields, ...ORIGIN]),
    key: quotedList(dataset.key),
    group: quotedList(dataset.group),
    fresh_values: compared.map((name) => `fresh.${quoted(name)}`).join(', '),
    standing_values: compared.map((name) => `standing.${quoted(name)}`).join(', '),
    model: sqlFile(dataset.model),
  };
}
