import { estimateCost } from './azure-cost.ts';
import { sumOf } from './numbers.ts';
import type { Expectation, ExpectedWork, Receipt, StorageCalls } from './report.ts';

/** What a step takes: seconds in any case, and seconds a row. */
interface Line {
  readonly seconds: number;
  readonly secondsARow: number;
}

/** For a lake without runs: one core of a small container. Its own runs take their place. */
const DEFAULTS = {
  aroundSeconds: 1,
  bronze: { seconds: 0.5, secondsARow: 0.00001 },
  silver: { seconds: 0.5, secondsARow: 0.00001 },
  gold: { seconds: 0.5, secondsARow: 0.000002 },
  calls: { reads: 150, writes: 60, lists: 80, deletes: 0 },
} as const;

/** A run with fewer rows tells what a step takes in any case, and not what a row does. */
const ROWS_MIN = 1000;

interface Past {
  readonly rows: number;
  readonly seconds: number;
}

/** See the door. */
export function expectationOf(history: readonly Receipt[], work: ExpectedWork): Expectation {
  const runs = history.filter(({ outcome, to }) => to === 'gold' && (outcome === 'complete' || outcome === 'empty'));
  const steps = { around: median(runs.map(aroundSeconds)) ?? DEFAULTS.aroundSeconds, ...stepLines(runs) };
  const after = work.events + work.rowsForSilver;
  const goldRows = work.rowsForGold + after;
  const seconds =
    steps.around +
    take(steps.bronze, work.events) +
    (after > 0 ? take(steps.silver, after) : 0) +
    (goldRows > 0 ? take(steps.gold, goldRows) : 0);
  const alike = runs.filter((run) => rowsIn(run) > 0 === goldRows > 0);
  return {
    seconds,
    secondsAnEvent: steps.bronze.secondsARow,
    cost: estimateCost(seconds, callsOf(alike)),
    basis: runs.length === 0 ? 'defaults' : 'history',
    runs: runs.length,
  };
}

function stepLines(runs: readonly Receipt[]): Record<'bronze' | 'silver' | 'gold', Line> {
  const of = (step: 'bronze' | 'silver' | 'gold'): Line => {
    const rows = step === 'bronze' ? rowsIn : silverRows;
    const past = runs.map((run) => ({ rows: rows(run), seconds: secondsOf(run, step) }));
    return lineOf(past, DEFAULTS[step]);
  };
  return { bronze: of('bronze'), silver: of('silver'), gold: of('gold') };
}

/** What runs with few rows took stands for the beginning; what large ones took more, for their rows. */
function lineOf(past: readonly Past[], fallback: Line): Line {
  const small = past.filter(({ rows }) => rows < ROWS_MIN);
  const large = past.filter(({ rows }) => rows >= ROWS_MIN);
  const least = Math.min(fallback.seconds, ...past.map((each) => each.seconds));
  const seconds = median(small.map((each) => each.seconds)) ?? least;
  const slopes = large.map((each) => Math.max(0, each.seconds - seconds) / each.rows);
  return { seconds, secondsARow: median(slopes) ?? fallback.secondsARow };
}

function callsOf(runs: readonly Receipt[]): StorageCalls {
  const of = (kind: keyof StorageCalls): number =>
    median(runs.map(({ storageCalls }) => storageCalls[kind])) ?? DEFAULTS.calls[kind];
  return { reads: of('reads'), writes: of('writes'), lists: of('lists'), deletes: of('deletes') };
}

const take = ({ seconds, secondsARow }: Line, rows: number): number => seconds + secondsARow * rows;

const rowsIn = (run: Receipt): number => sumOf(run.hubs, ({ partitions }) => sumOf(partitions, ({ rows }) => rows));
const silverRows = (run: Receipt): number => sumOf(run.silver, (each) => each.rowsIn);

function secondsOf(run: Receipt, step: string): number {
  return sumOf(run.steps, (each) => (each.step === step ? each.seconds : 0));
}

/** Start, lease, tables and receipt: what a run takes beside its three layers. */
function aroundSeconds(run: Receipt): number {
  const layers = ['bronze', 'silver', 'gold'].map((step) => secondsOf(run, step));
  return Math.max(0, run.seconds - sumOf(layers, Number));
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}
