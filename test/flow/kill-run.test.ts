import { expect, test } from 'vitest';
import { killProcesses } from '../crash/process-kills.ts';

/** More of them: npm run test:crash -- --level process --kills 200. */
const KILLS = 3;

test.each(['folder', 'azurite'] as const)(
  'real processes to gold on %s, killed with SIGKILL and run again: everything once, and the model of it',
  async (on) => {
    const told = await killProcesses({ on, kills: KILLS, seed: 1 });
    console.log(`${on}: ${told}`);
    expect(told).toContain(`${KILLS} SIGKILLs`);
  },
);
