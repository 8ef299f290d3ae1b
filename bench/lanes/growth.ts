import { mkdir, rm } from 'node:fs/promises';
import { addNewEvents, copyOf, historyOf, keyBytes, LEGS_A_DAY } from '../history.ts';
import { runMeasured } from '../measured-process.ts';
import { ratios, spreadOf, type Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const refine = new URL('../refine-lake.ts', import.meta.url).pathname;

/** Events of a run: what half an hour of a million a month brings, many times over. */
const NEW_EVENTS = 10_000;
const MB = 1e6;

/** What refine-lake.ts prints. */
interface Refined {
  readonly steps: readonly {
    readonly name: string;
    readonly wallSeconds: number;
    readonly outcomes: readonly { readonly daysRewritten?: readonly string[] }[];
  }[];
  readonly bytes: Readonly<Record<'read' | 'packs' | 'written' | 'files', number>>;
}

/** The same new events on histories of different length, in turn: what is old should cost nothing. */
export const growth: Lane = {
  name: 'growth',
  optional: true,
  about: `silver and gold of ${NEW_EVENTS.toLocaleString('en')} new events on 100,000 to 10 M old legs (--legs N)`,
  async run(options) {
    const samples = new Map<number, Sample[]>(options.legs.map((legs) => [legs, []]));
    const prepared = new Map<number, { readonly lake: string; readonly events: number }>();
    try {
      for (const legs of options.legs) {
        const lake = await copyOf(await historyOf(legs, options.say));
        prepared.set(legs, { lake, events: await addNewEvents(lake, NEW_EVENTS) });
      }
      for (let run = 0; run < options.runs; run++) {
        for (const [legs, { lake, events }] of prepared) {
          options.say(`run ${run + 1} of ${options.runs}: ${legs} legs`);
          samples.get(legs)?.push(await measured(lake, events));
        }
      }
      return await figures(samples, options);
    } finally {
      for (const { lake } of prepared.values()) await rm(lake, { recursive: true, force: true });
    }
  },
};

async function measured(prepared: string, events: number): Promise<Sample> {
  const lake = await copyOf(prepared);
  const scratch = `${lake}.scratch`;
  await mkdir(scratch, { recursive: true });
  try {
    const { sample, stdout } = await runMeasured([refine], { SLUICE_LAKE: lake, SLUICE_SCRATCH: scratch });
    const { steps, bytes } = JSON.parse(stdout) as Refined;
    const wall = (layer: string): number =>
      steps.reduce((sum, { name, wallSeconds }) => sum + (name === layer ? wallSeconds : 0), 0);
    const days = steps
      .flatMap(({ outcomes }) => outcomes)
      .reduce((sum, { daysRewritten = [] }) => sum + daysRewritten.length, 0);
    return {
      ...sample,
      rows_per_s: events / (wall('silver') + wall('gold')),
      tables_s: wall('tables'),
      silver_s: wall('silver'),
      gold_s: wall('gold'),
      read_mb: bytes.read / MB,
      packs_mb: bytes.packs / MB,
      written_mb: bytes.written / MB,
      files_written: bytes.files,
      days,
    };
  } finally {
    await rm(lake, { recursive: true, force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

const FIGURES: readonly (readonly [key: string, figure: string, digits: number])[] = [
  ['rows_per_s', 'events/s, silver and gold', 0],
  ['cpu_s', 'CPU s of the process', 2],
  ['wall_s', 'wall s of the process', 2],
  ['tables_s', 'wall s of opening the tables', 2],
  ['silver_s', 'wall s of silver', 2],
  ['gold_s', 'wall s of gold', 2],
  ['peak_rss_mib', 'peak RSS, MiB', 0],
  ['read_mb', 'MB read outside key packs', 1],
  ['packs_mb', 'MB of key packs', 1],
  ['written_mb', 'MB written', 1],
  ['files_written', 'files written', 0],
  ['days', 'days rewritten, over five tables', 0],
];

async function figures(samples: ReadonlyMap<number, Sample[]>, { legs }: LaneOptions): Promise<Figure[]> {
  const [least = 0] = legs;
  const first = samples.get(least) ?? [];
  const rows: Figure[] = [];
  for (const [size, runs] of samples) {
    const subject = `${size.toLocaleString('en')} legs, ${Math.ceil(size / LEGS_A_DAY)} days`;
    rows.push(...FIGURES.map(([key, figure, digits]) => ({ subject, figure, value: spreadOf(runs, key), digits })));
    const bytes = await keyBytes(size);
    rows.push({
      subject,
      figure: 'bytes a key in the packs',
      value: { min: bytes, median: bytes, max: bytes },
      digits: 2,
    });
    if (size === least) continue;
    const ratio = (figure: string, key: string): Figure => ({
      subject,
      figure,
      value: ratios(runs, first, key),
      digits: 2,
    });
    rows.push(ratio(`CPU s / that of ${least.toLocaleString('en')} legs`, 'cpu_s'));
    rows.push(ratio(`MB read / those of ${least.toLocaleString('en')} legs`, 'read_mb'));
  }
  return rows;
}
