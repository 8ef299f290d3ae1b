import { defineConfig } from 'vitest/config';

// unit: pure or in memory, answers within seconds (part of `npm run check`).
// contract: one suite that every adapter of a port runs, Azurite included.
// flow: several rooms on real parts: sockets, child processes, folders, Azurite.
const project = (name: string, include: string[], timeoutMs: number) => ({
  test: { name, include, environment: 'node', testTimeout: timeoutMs, hookTimeout: timeoutMs },
});

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      project('unit', ['test/unit/**/*.test.ts', 'test/tidy.test.ts'], 30_000),
      project('contract', ['test/contract/**/*.test.ts'], 60_000),
      project('flow', ['test/flow/**/*.test.ts'], 300_000),
    ],
  },
});
