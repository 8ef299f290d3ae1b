import { SluiceError } from '../base/errors.ts';
import { inWorkArea } from '../base/work-area.ts';
import { commit, ensureTable, type Change, type DataFile, type Snapshot } from '../delta/delta.ts';
import { computeDays } from './compute-days.ts';
import type { GoldOptions, GoldOutcome } from './gold.ts';
import { changesOf, isPending, pinSources, type PinnedSource } from './pinned-sources.ts';
import { touchDays } from './touch-days.ts';

const limits = {
  /** Some half a million legs at 27,000 a day. */
  sliceDaysMax: 14,
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
    const snapshot = await ensureTable(gold, view.table, { context }, signal);
    const sources = await pinSources(options, snapshot, signal);
    const pending = sources.filter(isPending);
    if (pending.length === 0) return outcome('empty');
    const work = await workOf(options, snapshot, sources, measure, signal);
    const change = changeOf(options, pending, work);
    const result = await measure('commit', () => commit(gold, snapshot, change, context, signal));
    if (result.kind === 'committed') return outcome(work.days.length === 0 ? 'empty' : 'complete', work);
    if (result.reason === 'fenced') return outcome('locked');
    log.warn('commit lost a race', { table: gold.root, reason: result.reason });
  }
  const message = `${gold.root}: other writers changed it during ${limits.attemptsMax} tries in a row; run again`;
  throw new SluiceError('table_conflict', message, { context: { view: view.name, attempts: limits.attemptsMax } });
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
  const { view } = options;
  const changes = await Promise.all(sources.map((source) => changesOf(source, signal)));
  const moved = changes.some(({ added, removed }) => added.length + removed.length > 0);
  if (!moved && !sources.some(({ replaces }) => replaces)) return NO_WORK;
  const database = await options.openDatabase();
  const scratch = options.scratch.scope();
  try {
    return await inWorkArea(
      database,
      `gold_${view.name}`,
      async (area) => {
        const { days: touched, rowsChanged } = await measure('compare', () =>
          touchDays(area, changes, snapshot, view.dayColumn, scratch, signal),
        );
        const sliceDaysMax = options.sliceDaysMax ?? limits.sliceDaysMax;
        const how = { view, gold: options.gold, sources, sliceDaysMax, scratch, measure };
        const { files: add, rows } = await computeDays(area, touched, how, signal);
        const dayOf = ({ partitionValues }: DataFile): string => partitionValues[view.dayColumn] ?? '';
        const remove = [...snapshot.files.values()].filter((file) => touched.includes(dayOf(file)));
        const days = [...new Set([...remove, ...add].map(dayOf))].toSorted();
        return { rowsIn: rowsChanged, touched, days, rows, remove, add };
      },
      signal,
    );
  } finally {
    scratch.release();
  }
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
