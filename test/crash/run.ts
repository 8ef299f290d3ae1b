import { parseArgs } from 'node:util';
import { bronzeLevel, maintenanceLevel, runLevel, runSeeds } from './levels.ts';
import { killProcesses } from './process-kills.ts';
import { killAtEveryPoint } from './reference-history.ts';
import { killCommandsAtEveryPoint } from './reference-maintenance.ts';

/**
 * The long crash test: `npm run test:crash -- --seeds 10000 --kills 200`. Seeds are scenarios in memory, of bronze
 * alone (`--level bronze`), of whole runs (`--level run`) and of maintenance commands (`--level maintenance`); kills
 * are SIGKILLs of real processes, half of them on Azurite (`--level process`). `--level points` kills a run and every
 * command at each of its points in turn, of maintenance those around a change. `--seed` is the first one. Ends
 * non-zero at the first broken invariant, with the line that plays it again.
 */
const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '300' },
    kills: { type: 'string', default: '0' },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const kills = Number(values.kills);
const wants = (level: string): boolean => values.level === 'all' || values.level === level;

try {
  if (wants('bronze')) console.log(`bronze: ${await bronzeLevel({ first, count })}`);
  const fewer = { first, count: values.level === 'all' ? runSeeds(count) : count };
  if (wants('run')) console.log(`whole runs: ${await runLevel(fewer)}`);
  if (wants('maintenance')) console.log(`maintenance: ${await maintenanceLevel(fewer)}`);
  if (wants('process') && kills > 0) {
    const half = { kills: Math.ceil(kills / 2), seed: first };
    for (const on of ['folder', 'azurite'] as const) console.log(`${on}: ${await killProcesses({ ...half, on })}`);
  }
  if (wants('points')) {
    console.log(`every point in turn: ${await killAtEveryPoint()}`);
    console.log(`every point of maintenance in turn: ${await killCommandsAtEveryPoint()}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(error instanceof Error ? error.cause : '');
  process.exitCode = 1;
}
