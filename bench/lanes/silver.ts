import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBronze } from '../make-bronze.ts';
import { runMeasured } from '../measured-process.ts';
import { spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

/** A hub keeps seven days: what a run finds that starts from nothing. */
const DAYS = 7;
/** Twice the events of the other lanes: `--events 1000000`, the default, is 2 M here. */
const EVENTS_EACH = 2;
const MEMORY = '1024MiB';
const worker = new URL('../refine-silver.ts', import.meta.url).pathname;

/** Bronze as a drain left it, to a committed silver table and rejected events, in a process of its own. */
export const silver: Lane = {
  name: 'silver',
  about: `bronze to committed silver: new events (2 × --events) of ${DAYS} days, 1 % bad of 16 kinds, 5 % sent again`,
  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-silver-'));
    try {
      const events = options.events * EVENTS_EACH;
      options.say(`making ${events} bronze rows`);
      const made = join(folder, 'made');
      await makeBronze(made, { events, days: DAYS }, new AbortController().signal);
      return figures(await measure(made, join(folder, 'lake'), events, options));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(made: string, lake: string, events: number, { runs, say }: LaneOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run++) {
    say(`run ${run + 1} of ${runs}`);
    cpSync(made, lake, { recursive: true });
    samples.push(await refine(lake, events));
    rmSync(lake, { recursive: true });
  }
  return samples;
}

interface Refined {
  readonly rowsIn: number;
  readonly accepted: number;
  readonly written: number;
  readonly stepSeconds: Readonly<Record<string, number>>;
  readonly io: { readonly read: number; readonly written: number };
}

async function refine(lake: string, events: number): Promise<Sample> {
  const { sample, stdout } = await runMeasured([worker, 'call_legs'], {
    SLUICE_LAKE: lake,
    SLUICE_SCRATCH: `${lake}-scratch`,
    SLUICE_MEMORY: MEMORY,
  });
  const refined = JSON.parse(stdout) as Refined;
  verify(refined, events);
  const steps = Object.entries(refined.stepSeconds).map(([step, seconds]) => [`${step}_s`, seconds] as const);
  return {
    ...sample,
    ...Object.fromEntries(steps),
    rows_per_s: events / (sample['wall_s'] ?? Number.NaN),
    cpu_s_per_million: (sample['cpu_s'] ?? Number.NaN) / (events / 1e6),
    read_mib: refined.io.read / 2 ** 20,
    written_mib: refined.io.written / 2 ** 20,
  };
}

/** Fast and wrong is worth nothing: what is bad and what was sent again is known by number. */
function verify({ rowsIn, accepted, written }: Refined, events: number): void {
  const count = (below: number, every: number, rest: number): number => Math.ceil((below - rest) / every);
  const bad = count(events, 100, 3);
  // Some of those sent again repeat an event whose own row was bad.
  const again = count(events, 20, 7) - count(1001, 20, 7);
  const [leastWritten, mostWritten] = [events - bad - again, events - again];
  if (rowsIn === events && accepted === events - bad && written >= leastWritten && written <= mostWritten) return;
  throw new Error(`of ${events} events ${rowsIn} were read, ${accepted} accepted and ${written} written`);
}

function figures(samples: readonly Sample[]): Figure[] {
  const digits: Readonly<Record<string, number>> = {
    rows_per_s: 0,
    cpu_s_per_million: 2,
    wall_s: 2,
    peak_rss_mib: 0,
    read_mib: 0,
    written_mib: 0,
    judge_s: 2,
    merge_s: 2,
    write_s: 2,
    commit_s: 2,
  };
  return Object.entries(digits).map(([figure, places]) => ({
    subject: 'bronze to silver',
    figure,
    value: spreadOf(samples, figure),
    digits: places,
  }));
}
