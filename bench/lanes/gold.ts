import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyOf, historyOf, lastDays } from '../history.ts';
import { runMeasured } from '../measured-process.ts';
import { spreadOf, type Sample } from '../statistics.ts';
import type { Figure, Lane } from './lane.ts';

const refine = new URL('../refine-lake.ts', import.meta.url).pathname;

/** The views of a whole history from nothing, and two days of it again. */
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
    return [...figures(`${subject}, every day`, whole), ...figures(`${subject}, two days again`, twoDays)];
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
    const { steps } = JSON.parse(stdout) as { steps: { name: string; wallSeconds: number; cpuSeconds: number }[] };
    const sum = (key: 'wallSeconds' | 'cpuSeconds'): number => steps.reduce((total, step) => total + step[key], 0);
    const gold_s = sum('wallSeconds');
    return { ...sample, gold_s, gold_cpu_s: sum('cpuSeconds'), legs_per_s: legs / gold_s };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function figures(subject: string, runs: readonly Sample[]): Figure[] {
  const row = (figure: string, key: string, digits: number): Figure => ({
    subject,
    figure,
    value: spreadOf(runs, key),
    digits,
  });
  return [
    row('wall s of gold', 'gold_s', 2),
    row('CPU s of gold', 'gold_cpu_s', 2),
    row('CPU s of the process', 'cpu_s', 2),
    row('peak RSS, MiB', 'peak_rss_mib', 0),
    ...(subject.endsWith('every day') ? [row('legs of the history/s', 'legs_per_s', 0)] : []),
  ];
}
