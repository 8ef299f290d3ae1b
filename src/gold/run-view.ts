import { isDeepStrictEqual } from 'node:util';
import type { GoldViewContract, TableContract } from '../../schemas/contract.ts';
import { assert } from '../base/assert.ts';
import { SluiceError } from '../base/errors.ts';
import { inWorkArea } from '../base/work-area.ts';
import { checkWritable, commit, ensureTable, readSnapshot } from '../delta/delta.ts';
import type { Change, DataFile, Snapshot } from '../delta/delta.ts';
import { computeDays } from './compute-days.ts';
import type { GoldOptions, GoldOutcome } from './gold.ts';
import { changesOf, isPending, pinSources, shareOfChanges, shareOfDays } from './pinned-sources.ts';
import type { PinnedSource, SourceChanges } from './pinned-sources.ts';
import { openSourceKeys } from './source-keys.ts';
import { touchDays } from './touch-days.ts';

const limits = {
  /** Tries while other writers change the view. */
  attemptsMax: 5,
} as const;

type Step = keyof GoldOutcome['stepSeconds'];
type Measure = <T>(step: Step, action: () => Promise<T>) => Promise<T>;

/** See the door. */
export async function runView(options: GoldOptions, signal: AbortSignal): Promise<GoldOutcome> {
  const { view, gold, clock, runId, log } = options;
  const { measure, seconds } = stepTimes(options);
  const outcome = (kind: GoldOutcome['outcome'], work: Work = NO_WORK): GoldOutcome => ({
    view: view.name,
    outcome: kind,
    rowsIn: work.rowsIn,
    daysRewritten: work.days,
    rowsWritten: work.rows,
    filesRewritten: work.remove.length,
    stepSeconds: seconds(),
  });
  for (let attempt = 0; attempt < limits.attemptsMax; attempt++) {
    const context = { clock, runId, log };
    const [snapshot, sources] = await pinSources(options, openView(options, signal), signal);
    const pending = options.rebuild === 'all' ? sources : sources.filter(isPending);
    if (pending.length === 0 && options.rebuild === undefined) return outcome('empty');
    const work = await workOf(options, snapshot, sources, measure, signal);
    const change = { ...changeOf(options, pending, work), ...columnsFor(options, snapshot) };
    const result = await measure('commit', () => commit(gold, snapshot, change, context, signal));
    if (result.kind === 'committed') return outcome(work.days.length === 0 ? 'empty' : 'complete', work);
    if (result.reason === 'fenced') return outcome('locked');
    log.warn('commit lost a race', { table: gold.root, reason: result.reason });
  }
  const message = `${gold.root}: other writers changed it during ${limits.attemptsMax} tries in a row; run again`;
  throw new SluiceError('table_conflict', message, { context: { view: view.name, attempts: limits.attemptsMax } });
}

/** Where every day is computed anew, the table may have been made for other columns. */
async function openView(options: GoldOptions, signal: AbortSignal): Promise<Snapshot> {
  const { gold, view, clock, runId, log } = options;
  const found = options.rebuild === 'all' ? await readSnapshot(gold, signal) : undefined;
  if (found === undefined) return ensureTable(gold, view.table, { context: { clock, runId, log } }, signal);
  checkWritable(gold, found);
  return found;
}

function columnsFor({ rebuild, view }: GoldOptions, { contract }: Snapshot): Pick<Change, 'contract'> {
  const facts = ({ columns, partitionColumns }: TableContract): unknown => [columns, partitionColumns];
  const isSame = rebuild !== 'all' || isDeepStrictEqual(facts(contract), facts(view.table));
  return isSame ? {} : { contract: view.table };
}

/** What a commit does: the files of the touched days go, those computed come. */
interface Work {
  readonly rowsIn: number;
  readonly touched: readonly string[];
  /** Touched days that had rows or have some. */
  readonly days: readonly string[];
  readonly rows: number;
  readonly remove: readonly DataFile[];
  readonly add: readonly DataFile[];
}

const NO_WORK: Work = { rowsIn: 0, touched: [], days: [], rows: 0, remove: [], add: [] };

async function workOf(
  options: GoldOptions,
  snapshot: Snapshot,
  sources: readonly PinnedSource[],
  measure: Measure,
  signal: AbortSignal,
): Promise<Work> {
  const { rebuild } = options;
  const changes = rebuild === 'all' ? [] : await Promise.all(sources.map((source) => changesOf(source, signal)));
  const moved = changes.some(({ added, removed }) => added.length + removed.length > 0);
  const replaces = sources.some((source) => source.replaces);
  if (!moved && rebuild === undefined && !replaces) return NO_WORK;
  const work = (): Promise<Work> => changeDays(options, snapshot, sources, changes, measure, signal);
  const isBounded = rebuild !== 'all' && !replaces;
  const share = isBounded ? shareOfChanges(changes) + shareOfDays(sources, rebuild ?? []) : 1;
  return options.memory?.within(share, work) ?? work();
}

async function changeDays(
  options: GoldOptions,
  snapshot: Snapshot,
  sources: readonly PinnedSource[],
  changes: readonly SourceChanges[],
  measure: Measure,
  signal: AbortSignal,
): Promise<Work> {
  const { view, rebuild } = options;
  const database = await options.openDatabase();
  const scratch = options.scratch.scope();
  try {
    return await inWorkArea(
      database,
      `gold_${view.name}`,
      async (area) => {
        const { gold, log, sliceDaysMax } = options;
        const keys = openSourceKeys(area, { scratch, log });
        const found =
          rebuild === 'all'
            ? { days: [], rowsChanged: 0 }
            : await measure('compare', () => touchDays(area, changes, { view, gold, snapshot, keys, scratch }, signal));
        const asked = rebuild === 'all' ? everyDay(view, sources, snapshot) : (rebuild ?? []);
        const touched = [...new Set([...found.days, ...asked])].toSorted();
        const how = { view, gold, sources, keys, sliceDaysMax, scratch, measure };
        const { files: add, rows } = await computeDays(area, touched, how, signal);
        await measure('write', () => keys.save(signal));
        const dayOf = ({ partitionValues }: DataFile): string => partitionValues[view.dayColumn] ?? '';
        const remove = [...snapshot.files.values()].filter((file) => touched.includes(dayOf(file)));
        const days = [...new Set([...remove, ...add].map(dayOf))].toSorted();
        return { rowsIn: found.rowsChanged, touched, days, rows, remove, add };
      },
      signal,
    );
  } finally {
    scratch.release();
  }
}

/** Days that have rows now or may have some: those of the sources that the model reads by day. */
function everyDay(view: GoldViewContract, sources: readonly PinnedSource[], gold: Snapshot): string[] {
  const valuesOf = (snapshot: Snapshot | undefined, column: string): string[] =>
    [...(snapshot?.files.values() ?? [])].flatMap(({ partitionValues }) => partitionValues[column] ?? []);
  const windows = sources.flatMap(({ read: { window }, snapshot }) =>
    window === undefined ? [] : [{ window, snapshot }],
  );
  assert(windows.length > 0, `${view.name} reads a table by day`);
  return [
    ...valuesOf(gold, view.dayColumn),
    ...windows.flatMap(({ window, snapshot }) => valuesOf(snapshot, window.column)),
  ];
}

function changeOf({ view, fence }: GoldOptions, pending: readonly PinnedSource[], work: Work): Change {
  const transactions = pending.flatMap(({ appId, from, snapshot }) =>
    snapshot === undefined ? [] : [{ appId, expected: from, next: snapshot.version }],
  );
  return {
    operation: 'WRITE',
    parameters: { mode: 'Overwrite', days: String(work.days.length) },
    add: work.add,
    remove: work.remove,
    reads: { column: view.dayColumn, values: work.touched },
    transactions,
    fence,
  };
}

function stepTimes({ clock }: GoldOptions): { measure: Measure; seconds: () => GoldOutcome['stepSeconds'] } {
  const spentMs: Record<Step, number> = { compare: 0, model: 0, write: 0, commit: 0 };
  return {
    async measure(step, action) {
      const startedMs = clock.nowMs();
      try {
        return await action();
      } finally {
        spentMs[step] += clock.nowMs() - startedMs;
      }
    },
    seconds: () => ({
      compare: spentMs.compare / 1000,
      model: spentMs.model / 1000,
      write: spentMs.write / 1000,
      commit: spentMs.commit / 1000,
    }),
  };
}
