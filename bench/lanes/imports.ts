import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { runMeasured } from '../measured-process.ts';
import { spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane } from './lane.ts';

const WARM_RUNS = 1;
const source = new URL('../../src/', import.meta.url);

/** What it costs to enter each room, in a process that does nothing else: with what Node itself takes. */
export const imports: Lane = {
  name: 'imports',
  about: "each room's door imported alone, and what a run may load later: wall, CPU and memory of the whole process",
  async run({ runs, say, measuring }) {
    const figures: Figure[] = [];
    for (const [name, specifier] of [['nothing', undefined] as const, ...doors(), ...LATER]) {
      say(name);
      const samples: Sample[] = [];
      for (let run = 0; run < runs + WARM_RUNS; run++) {
        const { sample } = await runMeasured(['--input-type=module', '-e', script(specifier)], {}, measuring);
        if (run >= WARM_RUNS) samples.push(sample);
      }
      for (const [figure, digits] of [['wall_s', 3] as const, ['cpu_s', 3] as const, ['peak_rss_mib', 0] as const]) {
        figures.push({ subject: name, figure, value: spreadOf(samples, figure), digits });
      }
    }
    return figures;
  },
};

/** Loaded only by runs that need them. */
const LATER = [
  '@azure/event-hubs',
  '@azure/storage-blob',
  '@azure/identity',
  '@duckdb/node-api',
  '@faker-js/faker',
].map((name) => [name, name] as const);

function script(specifier: string | undefined): string {
  const cache = `(await import('node:module')).default.enableCompileCache();`;
  return specifier === undefined ? cache : `${cache} await import(${JSON.stringify(specifier)});`;
}

/** A room is entered through the file named like it; the command line through its program. */
function doors(): (readonly [string, string])[] {
  const rooms = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return rooms.flatMap(({ name }) => {
    const files = readdirSync(new URL(`${name}/`, source));
    const door = [`${name}.ts`, 'program.ts'].find((file) => files.includes(file));
    return door === undefined ? [] : [[`src/${name}`, pathToFileURL(new URL(`${name}/${door}`, source).pathname).href]];
  });
}
