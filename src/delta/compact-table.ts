import { SluiceError } from '../base/errors.ts';
import { KiB, MiB } from '../base/limits.ts';
import { inWorkArea } from '../base/work-area.ts';
import type { Database } from '../duckdb/duckdb.ts';
import { changesBetween } from './changes.ts';
import { commit } from './commit.ts';
import { writeFiles } from './data-files.ts';
import type { Compaction, CompactOptions, DataFile, Snapshot, TableLocation } from './delta.ts';
import { defineRelation } from './relation.ts';
import { rowSizes } from './row-sizes.ts';
import { readSnapshot } from './snapshot.ts';
import { quotedName } from './sql-text.ts';
import { checkWritable } from './table-state.ts';

/** What a compacted file is meant to have. Readers fetch files whole, and merges rewrite them whole. */
export const COMPACTED_BYTES = 128 * MiB;

const limits = {
  /** A file of this part of the target is left as it is: it would be rewritten at each call for little. */
  smallShare: 0.5,
  /** Commits are made when so much was read, so that a stop or a lost race costs no more. */
  commitInputBytes: 256 * MiB,
  commitGroupsMax: 100,
  /** Where nothing else is said. DuckDB holds a row group as rows, as pages and compressed. */
  rowGroupBytesMax: 24 * MiB,
  /** DuckDB's own, and the chunk of rows below which it makes no row group. */
  rowGroupRowsMax: 122_880,
  chunkRows: 2_048,
  /** Rows of which one chunk is larger than so many row groups are not rewritten. */
  chunkGroupsMax: 2,
  /** What a file has beside its rows. */
  footerBytes: 64 * KiB,
  /** Tries while other writers remove the files that are being compacted. */
  attemptsMax: 5,
} as const;

/** Small files of one partition that become one file. */
interface Group {
  readonly files: readonly DataFile[];
  readonly bytes: number;
}

/** See the door. */
export async function compactTable(
  location: TableLocation,
  options: CompactOptions,
  signal: AbortSignal,
): Promise<Compaction> {
  const total = { ...NOTHING_COMPACTED };
  const large = new Set<string>();
  for (let conflicts = 0; conflicts < limits.attemptsMax;) {
    const snapshot = await readSnapshot(location, signal);
    if (snapshot === undefined) return { ...total, outcome: 'empty' };
    checkWritable(snapshot.protocol, `${location.store.url}/${location.root}`);
    const { groups, filesWaiting } = await planGroups(location, snapshot, large, options, signal);
    total.filesWaiting = filesWaiting;
    total.filesLarge = large.size;
    total.filesLeft = groups.reduce((sum, { files }) => sum + files.length, 0);
    const batch = nextBatch(groups, options.inputBytesMax - total.bytesRead, total.bytesRead === 0);
    if (batch.length === 0) return { ...total, outcome: total.bytesRead === 0 ? 'empty' : 'complete' };
    if (options.stop?.aborted === true) return { ...total, outcome: 'stopped' };
    const { staged, tooLarge } = await rewriteAll(location, snapshot, batch, options, signal);
    for (const path of tooLarge) large.add(path);
    // Groups that have such a file are planned anew without it.
    if (staged.length === 0) continue;
    const landed = await land(location, snapshot, staged, options, signal);
    if (landed === 'locked') return { ...total, outcome: 'locked' };
    if (landed === 'conflicted') {
      conflicts++;
      continue;
    }
    conflicts = 0;
    for (const { files, bytes, add } of staged) {
      total.filesRemoved += files.length;
      total.bytesRead += bytes;
      total.filesAdded += add.length;
      total.bytesWritten += add.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    }
  }
  const message = `${location.root}: other writers removed its files during ${limits.attemptsMax} tries; run again`;
  throw new SluiceError('table_conflict', message, { context: { table: location.root } });
}

export const NOTHING_COMPACTED = {
  filesRemoved: 0,
  filesAdded: 0,
  bytesRead: 0,
  bytesWritten: 0,
  filesWaiting: 0,
  filesLeft: 0,
  filesLarge: 0,
};

/** Files in the order of the log, partition by partition, packed up to the target; a group of one is none. */
async function planGroups(
  location: TableLocation,
  snapshot: Snapshot,
  large: Set<string>,
  options: CompactOptions,
  signal: AbortSignal,
): Promise<{ groups: Group[]; filesWaiting: number }> {
  const { readThrough, targetBytes = COMPACTED_BYTES } = options;
  const unread = await filesAfter(location, snapshot, readThrough, signal);
  const small = [...snapshot.files.values()].filter(({ sizeBytes }) => sizeBytes < targetBytes * limits.smallShare);
  // Rows that are too large compressed need no look at their file.
  for (const file of small) {
    if (file.sizeBytes > limits.footerBytes + rowBytesMax(options) * recordsOf(file)) large.add(file.path);
  }
  const fitting = small.filter(({ path }) => !large.has(path));
  const ready = fitting.filter(({ path }) => !unread.has(path));
  const partitions = Map.groupBy(ready, ({ partitionValues }) => partitionName(partitionValues));
  const groups = [...partitions.values()].flatMap((files) => packed(files, targetBytes));
  return { groups, filesWaiting: fitting.length - ready.length };
}

/** Files that a reader of the log still takes by their own names: their rows must stay where they are. */
async function filesAfter(
  location: TableLocation,
  snapshot: Snapshot,
  readThrough: number | undefined,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (readThrough === undefined || readThrough >= snapshot.version) return new Set();
  if (readThrough < 0) return new Set(snapshot.files.keys());
  const { added } = await changesBetween(location, readThrough, snapshot.version, signal);
  return new Set(added.map(({ path }) => path));
}

function packed(files: readonly DataFile[], targetBytes: number): Group[] {
  const groups: { files: DataFile[]; bytes: number }[] = [];
  for (const file of files) {
    const last = groups.at(-1);
    if (last === undefined || last.bytes + file.sizeBytes > targetBytes) {
      groups.push({ files: [file], bytes: file.sizeBytes });
    } else {
      last.files.push(file);
      last.bytes += file.sizeBytes;
    }
  }
  return groups.filter((group) => group.files.length > 1);
}

/** As many groups as the limits allow; the first of a call always, so that a call gets on. */
function nextBatch(groups: readonly Group[], inputBytesMax: number, isFirst: boolean): Group[] {
  const bytesMax = Math.min(inputBytesMax, limits.commitInputBytes);
  const batch: Group[] = [];
  let bytes = 0;
  for (const group of groups.slice(0, limits.commitGroupsMax)) {
    const mayGo = isFirst && batch.length === 0;
    if (!mayGo && bytes + group.bytes > bytesMax) break;
    batch.push(group);
    bytes += group.bytes;
  }
  return batch;
}

/** A group, and the file that takes its place. */
interface Staged extends Group {
  readonly add: readonly DataFile[];
}

/** The groups with their new files, those apart that have a file with rows too large: it is named, and no more done. */
async function rewriteAll(
  location: TableLocation,
  snapshot: Snapshot,
  batch: readonly Group[],
  options: CompactOptions,
  signal: AbortSignal,
): Promise<{ staged: Staged[]; tooLarge: string[] }> {
  const staged: Staged[] = [];
  const tooLarge: string[] = [];
  await inWorkArea(
    await options.openDatabase(),
    'compaction',
    async (area) => {
      for (const group of batch) {
        const result = await rewrite(area, location, snapshot, group, options, signal);
        if ('add' in result) staged.push({ ...group, ...result });
        else tooLarge.push(...result.tooLarge);
      }
    },
    signal,
  );
  return { staged, tooLarge };
}

async function land(
  location: TableLocation,
  snapshot: Snapshot,
  staged: readonly Staged[],
  { context, fence }: CompactOptions,
  signal: AbortSignal,
): Promise<'landed' | 'conflicted' | 'locked'> {
  const add = staged.flatMap((group) => group.add);
  const remove = staged.flatMap(({ files }) => files);
  // No row changes: what others read of these files is still so, and only who removes one of them is in the way.
  const change = { operation: 'OPTIMIZE', add, remove, dataChange: false, fence };
  const result = await commit(location, snapshot, change, context, signal);
  if (result.kind === 'committed') return 'landed';
  context.log?.warn('commit lost a race', { table: location.root, reason: result.reason });
  return result.reason === 'fenced' ? 'locked' : 'conflicted';
}

async function rewrite(
  area: Database,
  location: TableLocation,
  { contract }: Snapshot,
  { files }: Group,
  options: CompactOptions,
  signal: AbortSignal,
): Promise<{ add: DataFile[] } | { tooLarge: string[] }> {
  const { orderBy = [], rowGroupBytesMax = limits.rowGroupBytesMax, dictionaries = true } = options;
  const scratch = options.scratch.scope();
  try {
    await defineRelation(area, 'small_files', location, contract, files, scratch, signal);
    const sizes = await rowSizes(area, location, files, scratch, signal);
    const tooLarge = [...sizes].filter(([, rowBytes]) => rowBytes > rowBytesMax(options)).map(([path]) => path);
    if (tooLarge.length > 0) return { tooLarge };
    const order = orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map(quotedName).join(', ')}`;
    await area.run(`CREATE OR REPLACE VIEW compacted AS SELECT * FROM small_files${order}`);
    const fitting = Math.floor(rowGroupBytesMax / Math.max(1, ...sizes.values()));
    const how = { dictionaries, rowGroupRows: Math.min(limits.rowGroupRowsMax, fitting) };
    const add = await writeFiles(area, location, contract, 'compacted', scratch, signal, how);
    await checkRows(area, location, add);
    return { add };
  } finally {
    scratch.release();
  }
}

/** Uncompressed: of larger rows not even a chunk has room in memory. */
function rowBytesMax({ rowGroupBytesMax = limits.rowGroupBytesMax }: CompactOptions): number {
  return (rowGroupBytesMax * limits.chunkGroupsMax) / limits.chunkRows;
}

async function checkRows(area: Database, location: TableLocation, add: readonly DataFile[]): Promise<void> {
  const [found] = await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM small_files');
  const before = Number(found?.rows ?? 0);
  const after = add.reduce((sum, file) => sum + (recordsOf(file) || 0), 0);
  if (before === after) return;
  const message = `${location.root}: ${before} rows became ${after} in compaction; nothing of them was committed`;
  throw new SluiceError('conservation_broken', message, { context: { table: location.root } });
}

/** Not a number where the statistics tell none. */
function recordsOf({ statistics = '{}' }: DataFile): number {
  return Number(JSON.parse(statistics).numRecords);
}

function partitionName(values: DataFile['partitionValues']): string {
  return JSON.stringify(Object.entries(values).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
