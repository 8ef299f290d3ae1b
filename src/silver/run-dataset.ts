import { SluiceError } from '../base/errors.ts';
import { allOf } from '../base/side-by-side.ts';
import { readSnapshot } from '../delta/delta.ts';
import { applySlice, type SliceResult, type SliceTarget } from './apply-slice.ts';
import { bronzeAppId } from './bronze-app-id.ts';
import { ensureTables } from './ensure-tables.ts';
import { JudgedAhead, type Pending } from './judged-ahead.ts';
import type { JudgedSlice } from './judge-slice.ts';
import type { SilverOptions, SilverOutcome } from './silver.ts';
import { StepTimes } from './step-times.ts';
import { UNKNOWN_NAMES_MAX } from './unknown-names.ts';

const limits = {
  /** Tries to apply one slice while other writers change the table. */
  attemptsMax: 5,
} as const;

/** See the door. */
export async function runDataset(options: SilverOptions, signal: AbortSignal): Promise<SilverOutcome> {
  const times = new StepTimes(options.clock);
  const total = new Total(options.dataset.name);
  const ahead = new JudgedAhead(options, signal);
  let conflicts = 0;
  try {
    for (;;) {
      const target = await readTarget(options, signal);
      if (target === undefined) return total.outcome('locked', times);
      total.reached(target.silverVersion);
      if (target.from >= target.upTo) return total.outcome('complete', times);
      if (options.stop?.aborted === true) return total.outcome('stopped', times);
      const next = await ahead.plan(target);
      const apply = async (): Promise<Applied> => {
        const slice = await times.measure('judge', () => ahead.take(target, next));
        try {
          const result = await ahead.besides(slice, target, () => applySlice(options, target, slice, times, signal));
          if (result.kind === 'applied') total.add(result, slice);
          return { kind: result.kind, to: slice.to };
        } finally {
          await slice.rows.close();
        }
      };
      const { kind, to } = await (options.memory?.within(next.share, apply) ?? apply());
      if (kind === 'locked') return total.outcome('locked', times);
      if (kind === 'applied' && to === target.newest) {
        // What has come since is another run's, which sees to it.
        total.reached(to);
        return total.outcome('complete', times);
      }
      conflicts = kind === 'conflicted' ? conflicts + 1 : 0;
      if (conflicts >= limits.attemptsMax) throw outrun(options, conflicts);
    }
  } finally {
    await ahead.close();
  }
}

interface Applied {
  readonly kind: SliceResult['kind'];
  /** Last version of the slice. */
  readonly to: number;
}

interface Target extends SliceTarget, Omit<Pending, 'lacks'> {
  /** Bronze version that the silver table has applied; -1: none. */
  readonly silverVersion: number;
  /** Bronze version that there is; -1: none. */
  readonly newest: number;
}

/**
 * Where a table lags behind the other (a crash between the two commits), the slice ends where that other one is: so
 * each slice is lacked by both or by one as a whole. The three are looked at at once: a table that another run has
 * brought further meanwhile is told by its commit, which compares what it lacked.
 */
async function readTarget(options: SilverOptions, signal: AbortSignal): Promise<Target | undefined> {
  const [tables, bronze] = await allOf([ensureTables(options, signal), readSnapshot(options.bronze, signal)]);
  if (tables === undefined) return undefined;
  const { silver, rejected } = tables;
  // A table made anew is another source: it is read from its beginning.
  const appId = bronzeAppId(options.dataset.name, bronze?.tableId);
  const silverVersion = silver.transactions.get(appId) ?? -1;
  const rejectedVersion = rejected.transactions.get(appId) ?? -1;
  const from = Math.min(silverVersion, rejectedVersion);
  const newest = bronze?.version ?? -1;
  const upTo = silverVersion === rejectedVersion ? newest : Math.max(silverVersion, rejectedVersion);
  return {
    bronze: bronze ?? silver,
    silver,
    rejected,
    appId,
    lacks: { silver: silverVersion === from, rejected: rejectedVersion === from },
    silverVersion,
    from,
    upTo,
    newest,
  };
}

function outrun({ dataset, silver }: SilverOptions, attempts: number): SluiceError {
  const message = `${silver.root}: other writers changed the table during ${attempts} tries in a row; run again`;
  return new SluiceError('table_conflict', message, { context: { dataset: dataset.name, attempts } });
}

/** Sums of the slices applied. */
class Total {
  readonly #dataset: string;
  readonly #rejected = new Map<string, number>();
  readonly #unknown = new Map<string, number>();
  readonly #days = new Set<string>();
  #counts = { rowsIn: 0, accepted: 0, written: 0, superseded: 0, filesRewritten: 0 };
  #slices = 0;
  #from: number | undefined;
  #to = -1;

  constructor(dataset: string) {
    this.#dataset = dataset;
  }

  reached(silverVersion: number): void {
    this.#from ??= silverVersion;
    this.#to = silverVersion;
  }

  add({ judged, merge }: Extract<SliceResult, { kind: 'applied' }>, slice: JudgedSlice): void {
    if (slice.rows.judged.rowsIn > 0) this.#slices += 1;
    this.#counts.rowsIn += judged.rowsIn;
    this.#counts.accepted += judged.accepted;
    this.#counts.written += merge.written;
    this.#counts.superseded += judged.accepted - merge.newKeys;
    this.#counts.filesRewritten += merge.remove.length;
    sumInto(this.#rejected, judged.rejected);
    sumInto(this.#unknown, judged.unknownFields);
    for (const { partitionValues } of [...merge.remove, ...merge.add]) {
      for (const day of Object.values(partitionValues)) if (day !== null) this.#days.add(day);
    }
  }

  outcome(outcome: 'complete' | 'stopped' | 'locked', times: StepTimes): SilverOutcome {
    return {
      dataset: this.#dataset,
      outcome: outcome === 'complete' && this.#slices === 0 ? 'empty' : outcome,
      ...this.#counts,
      rejected: Object.fromEntries(this.#rejected),
      unknownFields: Object.fromEntries([...this.#unknown].slice(0, UNKNOWN_NAMES_MAX)),
      daysRewritten: [...this.#days].toSorted(),
      fromVersion: version(this.#from ?? -1),
      toVersion: version(this.#to),
      stepSeconds: times.seconds(),
    };
  }
}

function version(applied: number): number | undefined {
  return applied < 0 ? undefined : applied;
}

function sumInto(sums: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
}
