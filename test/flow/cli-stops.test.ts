import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commits, openBusyLake, until, type BusyLake, type LoggedRun } from '../support/busy-lake.ts';
import { LAUNCHER, startLocalHub, startSluice } from '../support/sluice-process.ts';

let busy: BusyLake;
beforeAll(async () => {
  busy = await openBusyLake();
  await busy.sendDay('2026-01-05', 0.5);
});
afterAll(() => busy.close());

interface Moment {
  readonly name: string;
  readonly signal: 'SIGTERM' | 'SIGINT';
  /** Resolves when it has come. */
  readonly reached: (run: LoggedRun, lake: string) => Promise<void>;
  readonly outcomes: readonly string[];
  readonly settings?: () => Readonly<Record<string, string>>;
}

const inFolder = (lake: string): string => path.join(busy.folder, lake);
/** A table of this lake has so many log entries. */
const entries = (table: string, count: number): Moment['reached'] => {
  return (_, lake) => until(() => commits(inFolder(lake), table) >= count);
};

const BRONZE = 'bronze/call_legs';
const moments: readonly Moment[] = [
  {
    name: 'receiving, while nothing comes',
    signal: 'SIGTERM',
    reached: async (run, lake) => {
      await until(() => commits(inFolder(lake), 'silver/customers') > 0);
      busy.hub.faults.pauseDelivery();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(run.child.exitCode).toBeNull();
    },
    outcomes: ['stopped'],
  },
  { name: 'the first bronze commit', signal: 'SIGINT', reached: entries(BRONZE, 2), outcomes: ['stopped'] },
  { name: 'silver', signal: 'SIGTERM', reached: entries('silver/ivr_calls', 2), outcomes: ['stopped'] },
  { name: 'the end of silver', signal: 'SIGINT', reached: entries('silver/surveys', 2), outcomes: ['stopped'] },
  { name: 'gold', signal: 'SIGTERM', reached: entries('gold/agent_daily', 1), outcomes: ['stopped'] },
  {
    name: 'the receipt',
    signal: 'SIGTERM',
    reached: entries('_sluice/runs', 1),
    // Its work was done: what the receipt said then stands.
    outcomes: ['complete', 'stopped'],
  },
];

describe('a run that is told to stop commits what it read within 20 s, exit 0, and the next run does the rest', () => {
  for (const [index, { name, signal, reached, outcomes }] of moments.entries()) {
    test(`${signal} at ${name}: ${outcomes.join(' or ')}`, async () => {
      const lake = `stopped-${index}`;
      const run = busy.run(lake);
      await reached(run, lake);
      run.child.kill(signal);
      const told = performance.now();
      const stopped = await run.finished.finally(() => busy.hub.faults.resumeDelivery());
      expect(performance.now() - told).toBeLessThan(20_000);
      expect(stopped.stderr).not.toContain('"level":"error"');
      expect(stopped.exitCode).toBe(0);
      const receipt = JSON.parse(stopped.stdout);
      expect(outcomes).toContain(receipt.outcome);
      const next = await busy.run(lake).finished;
      expect(next.exitCode).toBe(0);
      expect(next.stderr).not.toContain('waiting for a sign of life');
      expect(await busy.expectOnce(lake)).toEqual([]);
    });
  }

  test('the time budget, while nothing comes: stopped', async () => {
    busy.hub.faults.pauseDelivery();
    const run = busy.run('budget', ['--time-budget', '4s']);
    const stopped = await run.finished.finally(() => busy.hub.faults.resumeDelivery());
    expect(JSON.parse(stopped.stdout)).toMatchObject({ outcome: 'stopped', exitCode: 0 });
    expect(stopped.exitCode).toBe(0);
    expect(stopped.seconds).toBeGreaterThan(4);
    expect(stopped.seconds).toBeLessThan(24);
  });

  test('SIGTERM while the hub that is asked does not answer: stopped, at once', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection');
    const { port } = silent.address() as AddressInfo;
    const connection = busy.hub.connectionString.replace(/localhost:\d+/, `localhost:${port}`);
    const run = busy.run('unreached', [], { SLUICE_EVENTHUBS: connection });
    await asked;
    run.child.kill('SIGTERM');
    const told = performance.now();
    const stopped = await run.finished;
    silent.close();
    expect(JSON.parse(stopped.stdout)).toMatchObject({ outcome: 'stopped', hubs: [], exitCode: 0 });
    expect(stopped.exitCode).toBe(0);
    expect(performance.now() - told).toBeLessThan(10_000);
  });
});

describe('a second signal', () => {
  test('ends a run that waits for a hub that does not answer, within a second, as the shell expects', async () => {
    const hub = await startLocalHub(busy.folder, ['--data', path.join(busy.folder, 'second-hub')]);
    const settings = { SLUICE_EVENTHUBS: hub.connectionString };
    expect((await startSluice(['produce', '--ticks', '5'], { folder: busy.folder, settings }).finished).exitCode).toBe(
      0,
    );
    const run = busy.run('second', [], settings);
    await until(() => commits(inFolder('second'), 'silver/customers') > 0);
    hub.child.kill('SIGSTOP');
    run.child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(run.child.exitCode).toBeNull();
    run.child.kill('SIGTERM');
    const told = performance.now();
    expect((await run.finished).exitCode).toBe(143);
    expect(performance.now() - told).toBeLessThan(1500);
    hub.child.kill('SIGCONT');
    await hub.stop();
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends a process within a second while DuckDB works', async (signal) => {
    const root = path.dirname(path.dirname(LAUNCHER));
    const script = `
      import { listenForStop } from '${root}/src/cli/terminal.ts';
      import { interruptStatements, openDatabase } from '${root}/src/duckdb/duckdb.ts';
      listenForStop(() => ({ info() {} }), interruptStatements);
      const options = { memoryBytesMax: 256 * 2 ** 20, threads: 1, temporaryFolder: '${busy.folder}' };
      const database = await openDatabase(options);
      process.stdout.write('up');
      // Whatever stops this statement, the first signal does not.
      for (;;) await database.rows('SELECT count(*) FROM range(3000000000) a WHERE a.range % 7 = 3').catch(() => {});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, 300));
    child.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill(signal);
    const told = performance.now();
    const [code, by] = (await ended) as [number | null, string | null];
    expect(performance.now() - told).toBeLessThan(1500);
    // In a shell both ways to end are this number.
    expect(code ?? 128 + (by === 'SIGINT' ? 2 : 15)).toBe(signal === 'SIGINT' ? 130 : 143);
  });
});
