import type { DatasetContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { audit } from '../base/audit.ts';
import { SluiceError } from '../base/errors.ts';
import { filled, quoted, quotedList } from '../base/identifiers.ts';
import { allOf } from '../base/side-by-side.ts';
import type { Log } from '../base/log.ts';
import { defineRelation, type DataFile, type Snapshot, type TableLocation } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { openKeyPacks, type KeyPacks } from '../keys/keys.ts';
import type { Scratch } from '../storage/scratch.ts';
import { writeDays } from './write-days.ts';

const incomingSql = sqlFile(new URL('statements/incoming.sql', import.meta.url));
const mergeSql = sqlFile(new URL('statements/merge.sql', import.meta.url));
const countMergeSql = sqlFile(new URL('statements/count-merge.sql', import.meta.url));
const oneRowAKeySql = sqlFile(new URL('audits/one_row_a_key.sql', import.meta.url));

/** Columns that every dataset has: what a silver row keeps of its bronze row, and when it was written. */
const ORIGIN = ['enqueued_at', 'partition_id', 'sequence_number', 'loaded_at'];
const LOADED_AT = 'loaded_at';
/** Column of the work area's tables: the file that a row stands in. */
const FILE = '_file';

export interface Batch {
  readonly dataset: DatasetContract;
  readonly location: TableLocation;
  readonly snapshot: Snapshot;
  readonly loadedAtUs: bigint;
  /** A local file with the fields of `judged`. */
  readonly judgedFile: string | undefined;
}

/** What the merge works with. */
export interface MergeTools {
  /** Name of the work area's schema. */
  readonly schema: string;
  readonly scratch: Scratch;
  readonly log: Log;
  readonly measured: <T>(step: 'merge' | 'write', action: () => Promise<T>) => Promise<T>;
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
 * the files of the affected groups by their key packs, the winners of their keys, and the rows that differ from those
 * there; writes the days that have such a row, each in the place of its files that held one. Throws `audit_failed`,
 * `conservation_broken`.
 */
export async function mergeBatch(area: Database, batch: Batch, tools: MergeTools, signal: AbortSignal): Promise<Merge> {
  const { location, snapshot } = batch;
  const parts = partsOf(batch);
  const keys = await packsOf(area, batch, tools);
  const counts = await tools.measured('merge', () => findChanges(area, batch, parts, keys, tools, signal));
  if (counts.changed === 0) return NOTHING_MERGED;
  const { remove, add, rowsBefore, rowsAfter } = await tools.measured('write', () =>
    writeDays(area, batch, { ...tools, parts, keys: [...keys.values()] }, signal),
  );
  if (rowsAfter !== rowsBefore + counts.newKeys) {
    throw broken(location, `${rowsBefore} rows and ${counts.newKeys} new keys became ${rowsAfter} rows`);
  }
  const live = new Map([...snapshot.files.values(), ...add].map((file) => [file.path, file]));
  for (const { path } of remove) live.delete(path);
  await tools.measured('write', () => allOf([...keys.values()].map((locator) => locator.save(live, signal))));
  return { remove, add, written: counts.changed, newKeys: counts.newKeys };
}

/** The packs of each locator that the table is found by, those of the group first, by their columns. */
async function packsOf(
  area: Database,
  { dataset, location, snapshot: { contract } }: Batch,
  { scratch, log }: MergeTools,
): Promise<Map<string, KeyPacks>> {
  const packs = new Map<string, KeyPacks>();
  for (const columns of [dataset.group, ...dataset.findableBy]) {
    const name = columns.join('+');
    if (packs.has(name)) continue;
    packs.set(name, openKeyPacks(area, { table: location, contract, columns, scratch, log }));
  }
  return packs;
}

interface Changes {
  readonly changed: number;
  readonly newKeys: number;
}

async function findChanges(
  area: Database,
  { dataset, location, snapshot, judgedFile }: Batch,
  parts: Parts,
  keys: ReadonlyMap<string, KeyPacks>,
  { scratch }: MergeTools,
  signal: AbortSignal,
): Promise<Changes> {
  await area.run(filled(incomingSql, parts), undefined, signal);
  const wanted = judgedFile === undefined ? { from: 'judged' } : { from: 'judged', file: judgedFile };
  const group = present(keys.get(dataset.group.join('+')), 'the packs of the group');
  const found = await group.find(snapshot.files.values(), wanted, signal);
  const options = { fileColumn: FILE };
  await defineRelation(area, 'stored', location, snapshot.contract, found, scratch, signal, options);
  await area.run(filled(mergeSql, parts), undefined, signal);
  await area.run('CREATE OR REPLACE VIEW "rows" AS FROM fresh');
  for (const url of dataset.audits) {
    const name = present(url.pathname.split('/').at(-1), 'file name');
    await audit(area, [{ name, sql: sqlFile(url) }], location.root);
  }
  await audit(area, [{ name: 'one_row_a_key.sql', sql: filled(oneRowAKeySql, parts) }], location.root);
  const [counted] = await area.rows<Record<CountedRows, bigint>>(filled(countMergeSql, parts));
  const counts = numbers(present(counted, 'counts of a merge'));
  await area.run(
    'DROP VIEW events; DROP VIEW incoming; DROP VIEW judged; DROP TABLE beaten; DROP TABLE twice; DROP TABLE met',
  );
  const events = counts.incoming + counts.standing - counts.met;
  const { modelled, unchanged, replaced } = counts;
  if (events !== modelled) throw broken(location, `the model made ${modelled} rows of ${events} winning events`);
  const changed = modelled - unchanged;
  const newKeys = counts.incoming - counts.met;
  if (changed !== replaced + newKeys) {
    throw broken(location, `${changed} rows differ, of ${newKeys} new keys and ${replaced} others`);
  }
  // Each day that is written looks at it.
  const without = unchanged === 0 ? '' : `ANTI JOIN unchanged USING (${parts['key']})`;
  await area.run(`CREATE OR REPLACE VIEW changed AS FROM fresh ${without}`);
  return { changed, newKeys };
}

type CountedRows = 'incoming' | 'standing' | 'met' | 'modelled' | 'unchanged' | 'replaced';

function numbers<Name extends string>(row: Readonly<Record<Name, bigint>>): Record<Name, number> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])) as Record<Name, number>;
}

function broken({ root }: TableLocation, what: string): SluiceError {
  const message = `${root}: ${what}; nothing of them was committed`;
  return new SluiceError('conservation_broken', message, { context: { table: root } });
}

type Parts = Readonly<Record<string, string>>;

/** Texts for the statements' placeholders. */
function partsOf({ dataset, loadedAtUs }: Batch): Parts {
  const columns = dataset.silver.columns.map(({ name }) => name);
  const compared = columns.filter((name) => name !== LOADED_AT);
  const fields = dataset.fields.map(({ name }) => name);
  return {
    columns: quotedList(columns),
    event_columns: quotedList([...fields, ...ORIGIN]),
    key: quotedList(dataset.key),
    group: quotedList(dataset.group),
    day: quoted(dataset.dayColumn),
    file: quoted(FILE),
    loaded_at_us: String(loadedAtUs),
    fresh_values: compared.map((name) => `fresh.${quoted(name)}`).join(', '),
    standing_values: compared.map((name) => `standing.${quoted(name)}`).join(', '),
    model: sqlFile(dataset.model),
  };
}
