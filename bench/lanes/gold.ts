import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyOf, historyOf, lastDays } from '../history.ts';
import { runMeasured } from '../measured-process.ts';
import { spreadOf, type Sample } from '../statistics.ts';
import type { Figure, Lane } from './lane.ts';

const refine = new URL('../refine-lake.ts', import.meta.url).pathname;

/** The views of a whole history from nothing, and two days of it again: in a new process, and once more in the same. */
export const gold: Lane = {
  name: 'gold',
  optional: true,
  about: 'both views over a history: every day from nothing, and two days again (--legs N, the last counts)',
  async run(options) {
    const legs = options.legs.at(-1) ?? 1_000_000;
    const history = await historyOf(legs, options.say);
    const whole: Sample[] = [];
    const twoDays: Sample[] = [];
    for (let run = 0; run < options.runs; run++) {
      options.say(`run ${run + 1} of ${options.runs}: every day, two days`);
      const lake = await copyOf(history);
      try {
        twoDays.push(await measured(lake, legs, lastDays(2)));
        await rm(join(lake, 'gold'), { recursive: true });
        whole.push(await measured(lake, legs, []));
      } finally {
        await rm(lake, { recursive: true, force: true });
      }
    }
    const subject = `${legs.toLocaleString('en')} legs`;
    return [
      ...figures(`${subject}, every day`, whole, [['legs of the history/s', 'legs_per_s', 0]]),
      ...figures(`${subject}, two days again`, twoDays, [
        ['wall s of gold, once more in the process', 'loaded_s', 2],
        ['CPU s of gold, once more in the process', 'loaded_cpu_s', 2],
      ]),
    ];
  },
};

async function measured(lake: string, legs: number, days: readonly string[]): Promise<Sample> {
  const scratch = `${lake}.scratch`;
  await mkdir(scratch, { recursive: true });
  try {
    const { sample, stdout } = await runMeasured([refine, 'gold', ...days], {
      SLUICE_LAKE: lake,
      SLUICE_SCRATCH: scratch,
    });
    const { steps } = JSON.parse(stdout) as { steps: { wallSeconds: number; cpuSeconds: number }[] };
    const [first, again] = steps;
    if (first === undefined) throw new Error('no step of gold was measured');
    return {
      ...sample,
      gold_s: first.wallSeconds,
      gold_cpu_s: first.cpuSeconds,
      legs_per_s: legs / first.wallSeconds,
      ...(again === undefined ? {} : { loaded_s: again.wallSeconds, loaded_cpu_s: again.cpuSeconds }),
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

type Row = readonly [figure: string, key: string, digits: number];

function figures(subject: string, runs: readonly Sample[], more: readonly Row[]): Figure[] {
  const rows: readonly Row[] = [
    ['wall s of gold', 'gold_s', 2],
    ['CPU s of gold', 'gold_cpu_s', 2],
    ['CPU s of the process', 'cpu_s', 2],
    ['peak RSS, MiB', 'peak_rss_mib', 0],
    ...more,
  ];
  return rows.map(([figure, key, digits]) => ({ subject, figure, value: spreadOf(runs, key), digits }));
}
