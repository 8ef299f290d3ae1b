import type { GoldSource, TableContract } from '../../schemas/contract.ts';
import { allOf } from '../base/side-by-side.ts';
import { changesBetween, readSnapshot, type DataFile, type Snapshot, type TableLocation } from '../delta/delta.ts';
import { daysAround, shareOfSlice } from './day-slices.ts';
import type { GoldOptions } from './gold.ts';

/** A table that the view reads, at the version this step works on. */
export interface PinnedSource {
  readonly read: GoldSource;
  readonly location: TableLocation;
  readonly contract: TableContract;
  /** Undefined where there is no table yet. */
  readonly snapshot: Snapshot | undefined;
  readonly appId: string;
  /** Version that the view has applied; undefined: none of this table. */
  readonly from: number | undefined;
  /** The view has applied another table of this name: nobody knows any more what that one's rows were. */
  readonly replaces: boolean;
}

/** appId under which a view keeps the version of a table that it has applied. */
export function sourceAppId(view: string, table: string, tableId: string | undefined): string {
  return `sluice/gold/${view}/${table}/${tableId ?? 'none'}`;
}

/**
 * The view's own snapshot, and the newest version of each source, which are read at once. A table made anew is another
 * source, of which nothing is applied.
 */
export async function pinSources<View extends Snapshot | undefined>(
  { view, tables }: Pick<GoldOptions, 'view' | 'tables'>,
  opened: Promise<View>,
  signal: AbortSignal,
): Promise<[gold: View, sources: PinnedSource[]]> {
  const read = view.reads.map(async ({ table }) => readSnapshot(tables(table).location, signal));
  const [gold, snapshots] = await allOf([opened, allOf(read)]);
  const pin = async (source: GoldSource, at: number): Promise<PinnedSource> => {
    const first = pinnedSource(view.name, { read: source, ...tables(source.table), snapshot: snapshots[at] }, gold);
    // Another run has brought the view further since the source was read.
    const isBehind = first.snapshot !== undefined && (first.from ?? -1) > first.snapshot.version;
    if (!isBehind) return first;
    return pinnedSource(view.name, { ...first, snapshot: await readSnapshot(first.location, signal) }, gold);
  };
  return [gold, await allOf(view.reads.map(pin))];
}

function pinnedSource(
  view: string,
  { read, location, contract, snapshot }: Pick<PinnedSource, 'read' | 'location' | 'contract' | 'snapshot'>,
  gold: Snapshot | undefined,
): PinnedSource {
  const appId = sourceAppId(view, read.table, snapshot?.tableId);
  const prefix = sourceAppId(view, read.table, '');
  const from = gold?.transactions.get(appId);
  const isNew = snapshot !== undefined && from === undefined;
  const replaces = isNew && [...(gold?.transactions.keys() ?? [])].some((other) => other.startsWith(prefix));
  return { read, location, contract, snapshot, appId, from, replaces };
}

export function isPending({ snapshot, from }: PinnedSource): boolean {
  return snapshot !== undefined && snapshot.version !== from;
}

export interface SourceChanges {
  readonly source: PinnedSource;
  readonly added: readonly DataFile[];
  readonly removed: readonly DataFile[];
}

/** The files that came and went since the version applied: all of a table that the view never read. */
export async function changesOf(source: PinnedSource, signal: AbortSignal): Promise<SourceChanges> {
  const { snapshot, from, location } = source;
  if (snapshot === undefined) return { source, added: [], removed: [] };
  if (from === undefined) return { source, added: [...snapshot.files.values()], removed: [] };
  return { source, ...(await changesBetween(location, from, snapshot.version, signal)) };
}

/**
 * What the changes take of the memory that one group of days may take: all of it where a source changed that is not of
 * days, or is new to the view, since then nobody knows yet which days that touches.
 */
export function shareOfChanges(changes: readonly SourceChanges[]): number {
  const changed = changes.filter(({ added, removed }) => added.length + removed.length > 0);
  const isBounded = changed.every(({ source }) => {
    return source.from !== undefined && source.contract.partitionColumns.length > 0;
  });
  return isBounded ? shareOfSlice(changed.flatMap(({ added, removed }) => [...added, ...removed])) : 1;
}

/** The files of the source, as pinned. */
export function filesOf({ snapshot }: PinnedSource): DataFile[] {
  return [...(snapshot?.files.values() ?? [])];
}

/** The source's files that the model needs for these days. */
export function filesForDays(source: PinnedSource, days: readonly string[]): DataFile[] {
  const { window } = source.read;
  if (window === undefined) return filesOf(source);
  const needed = daysAround(days, { ahead: window.daysAhead });
  return filesOf(source).filter(({ partitionValues }) => needed.has(partitionValues[window.column] ?? ''));
}

/** What the files that are read by day take for these days of the memory that one group of days may take. */
export function shareOfDays(sources: readonly PinnedSource[], days: readonly string[]): number {
  const dated = sources.filter(({ read }) => read.window !== undefined);
  return shareOfSlice(dated.flatMap((source) => filesForDays(source, days)));
}
