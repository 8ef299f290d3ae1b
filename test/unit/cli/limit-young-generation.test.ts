import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MiB = 2 ** 20;
const module = new URL('../../../src/cli/limit-young-generation.ts', import.meta.url).href;

/** Makes objects that live for a while, few a turn, and gives how large the young generation became, in bytes. */
function youngGenerationOf(begin: string): number {
  const script = `
    import v8 from 'node:v8';
    ${begin}
    const kept = [];
    let largest = 0;
    for (let round = 0; round < 600; round++) {
      for (let i = 0; i < 4_000; i++) kept.push({ i, text: String(i) });
      if (kept.length > 60_000) kept.splice(0, 20_000);
      // The observer of collections is called between two turns.
      await new Promise((resolve) => setImmediate(resolve));
      const space = v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
      largest = Math.max(largest, space.space_size);
    }
    console.log(largest);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return Number(stdout);
}

test('the young generation stays near its bound, and would not by itself', () => {
  const limit = `
    const { limitYoungGeneration } = await import('${module}');
    limitYoungGeneration(${4 * MiB});`;
  // V8 adds page after page while a collection that it has asked for waits to be run: on a busy machine that may last.
  const bounded = Math.min(...Array.from({ length: 3 }, () => youngGenerationOf(limit)));
  const free = youngGenerationOf('');
  expect(bounded).toBeGreaterThan(0);
  expect(bounded).toBeLessThanOrEqual(8 * MiB);
  expect(free).toBeGreaterThanOrEqual(2 * bounded);
});
