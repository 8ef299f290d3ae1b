import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { takeLease } from '../../src/storage/lease.ts';
import { errorOf, LAUNCHER, query, sluice, startLocalHub, startSluice } from '../support/sluice-process.ts';
import { temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const root = path.dirname(path.dirname(LAUNCHER));
const home = temporaryFolder();
let hub: LocalHub;
let settings: Record<string, string>;
beforeAll(async () => {
  hub = await startLocalHub(home.folder);
  settings = {
    SLUICE_EVENTHUBS: hub.connectionString,
    SLUICE_LAKE: path.join(home.folder, 'lake'),
    SLUICE_LOG: 'warn',
  };
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

/** Runs the launcher on a Node that strips no types, as one before 24 does. */
function onPlainNode(args: readonly string[]) {
  const child = spawn(process.execPath, ['--no-strip-types', LAUNCHER, ...args], { cwd: home.folder });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  const finished = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }));
  return { child, finished, stdout: () => stdout };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(condition()).toBe(true);
}

describe('the launcher', () => {
  test('on a Node that strips no types runs the command in a child, and passes its exit code on', async () => {
    const right = await onPlainNode(['--version']).finished;
    expect(right).toMatchObject({ code: 0, stderr: '' });
    expect(right.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await onPlainNode(['nonsense']).finished).code).toBe(2);
  });

  test('passes signals on', async () => {
    const flags = ['--port', '0', '--tls-port', 'off', '--health-port', 'off', '--data', path.join(home.folder, 'h2')];
    const { child, finished, stdout } = onPlainNode(['hub', ...flags]);
    await until(() => stdout().includes('Endpoint='));
    child.kill('SIGTERM');
    expect(await finished).toMatchObject({ code: 0, signal: null });
  });

  test('works below node_modules, without a warning', async () => {
    const installed = path.join(home.folder, 'app/node_modules/sluice');
    await mkdir(installed, { recursive: true });
    for (const part of ['bin', 'src', 'schemas', 'package.json']) {
      await cp(path.join(root, part), path.join(installed, part), { recursive: true });
    }
    await symlink(path.join(root, 'node_modules'), path.join(installed, 'node_modules'));
    const child = spawn(
      process.execPath,
      [path.join(installed, 'bin/sluice.js'), 'sql', 'SELECT 42 AS x', '--format', 'csv'],
      {
        cwd: home.folder,
        env: { ...process.env, ...settings },
      },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    await once(child, 'close');
    expect(output).toBe('x\n42\n');
  });
});

describe('a run', () => {
  test('takes what produce sent and what load replaced; .env is read, and the environment wins', async () => {
    const where = { folder: home.folder, settings: { SLUICE_LAKE: settings['SLUICE_LAKE'] ?? '' } };
    writeFileSync(
      path.join(home.folder, '.env'),
      `SLUICE_EVENTHUBS="${hub.connectionString}"\nSLUICE_LAKE=/nowhere/at/all\nSLUICE_LOG=warn\n`,
    );
    const sent = await sluice(['produce', '--ticks', '3', '--seed', '7', '--from', '2026-01-05T09:00:00-03:00'], where);
    expect(sent).toMatchObject({ exitCode: 0, stderr: '' });
    const calls = Number(/ivr_calls: (\d+) events sent/.exec(sent.stdout)?.[1]);
    expect(calls).toBeGreaterThanOrEqual(24);
    const loaded = await sluice(['produce', '--dimensions'], where);
    expect(loaded.stdout).toBe('agents: complete, 1000 rows\ncustomers: complete, 10000 rows\n');

    const run = await sluice(['ingest-once', '--to', 'bronze', '--hub', 'ivr_calls', '--json'], where);
    const receipt = JSON.parse(run.stdout);
    expect(receipt).toMatchObject({
      outcome: 'complete',
      to: 'bronze',
      hubs: [{ hub: 'ivr_calls' }],
      silver: [],
      gold: [],
    });
    expect(await query('SELECT count(*)::INTEGER AS n FROM bronze.ivr_calls', where)).toEqual([{ n: calls }]);
    expect(await query('SELECT count(*)::INTEGER AS n FROM bronze.surveys', where)).toEqual([{ n: 0 }]);
    expect((await sluice(['ingest-once'], where)).exitCode).toBe(0);
    expect(await query('SELECT sum(calls)::INTEGER AS n FROM gold.queue_daily', where)).toEqual([{ n: calls }]);
  });

  test('that finds another time zone in the tables is refused, while bronze still drains', async () => {
    const elsewhere = { folder: home.folder, settings: { ...settings, SLUICE_TIME_ZONE: 'Asia/Tokyo' } };
    const run = await sluice(['ingest-once'], elsewhere);
    expect(run.exitCode).toBe(2);
    expect(errorOf(run)).toMatchObject({ code: 'time_zone_mismatch' });
    expect((await sluice(['ingest-once', '--to', 'bronze'], elsewhere)).exitCode).toBe(0);
  });

  test('is locked while another renews its lease, and does nothing', async () => {
    const store = openFolder(settings['SLUICE_LAKE'] ?? '');
    const options = { runId: 'other', command: 'test', durationMs: 3000, clock: systemClock, log: silentLog };
    const taken = await takeLease(store, options, new AbortController().signal);
    if (taken.kind !== 'held') throw new Error('the lease is free');
    const run = await sluice(['ingest-once', '--json'], {
      folder: home.folder,
      settings: { ...settings, SLUICE_LEASE: '3s' },
    });
    await taken.lease.release();
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ outcome: 'locked', hubs: [] });
  });

  test('that gets SIGTERM while it waits for the lease ends with outcome stopped and exit 0', async () => {
    const store = openFolder(settings['SLUICE_LAKE'] ?? '');
    const process = { host: 'elsewhere', machine: 'another', pid: 1, processStart: '1' };
    const options = {
      runId: 'other',
      command: 'test',
      durationMs: 60_000,
      clock: systemClock,
      log: silentLog,
      process,
    };
    const taken = await takeLease(store, options, new AbortController().signal);
    if (taken.kind !== 'held') throw new Error('the lease is free');
    const run = startSluice(['ingest-once', '--json'], {
      folder: home.folder,
      settings: { ...settings, SLUICE_LOG: 'info' },
    });
    let log = '';
    run.child.stderr?.on('data', (chunk: Buffer) => void (log += chunk.toString()));
    await until(() => log.includes('waiting for a sign of life'));
    run.child.kill('SIGTERM');
    const finished = await run.finished;
    await taken.lease.release();
    expect(finished.exitCode).toBe(0);
    expect(JSON.parse(finished.stdout)).toMatchObject({ outcome: 'stopped', exitCode: 0 });
  });

  test('a dimension file with a repeated key is exit 5 and changes nothing', async () => {
    const where = { folder: home.folder, settings };
    const before = await query('SELECT count(*)::INTEGER AS n, sum(agent_id)::INTEGER AS s FROM silver.agents', where);
    const rows = await query('SELECT * FROM silver.agents LIMIT 1', where);
    const file = path.join(home.folder, 'agents.json');
    writeFileSync(file, JSON.stringify([...rows, ...rows]));
    const refused = await sluice(['load', 'agents', file], where);
    expect(refused.exitCode).toBe(5);
    expect(errorOf(refused)).toMatchObject({ code: 'dimension_invalid' });
    const after = await query('SELECT count(*)::INTEGER AS n, sum(agent_id)::INTEGER AS s FROM silver.agents', where);
    expect(after).toEqual(before);
    expect((await sluice(['load', 'agent', file], where)).exitCode).toBe(2);
  });
});

test('signals that follow at once count once; a later second one ends the process as the shell expects', async () => {
  const terminal = path.join(root, 'src/cli/terminal.ts');
  const script = `import { listenForStop } from ${JSON.stringify(terminal)};
    listenForStop(() => ({ info() {} }), () => 0);
    setInterval(() => {}, 1000);
    process.stdout.write('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  expect(code).toBe(143);
});

test('produce ends at the first signal with what it sent; a closed pipe is no crash', async () => {
  const sending = startSluice(['produce', '--rate', '20', '--for', '60s'], { folder: home.folder, settings });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  sending.child.kill('SIGINT');
  const sent = await sending.finished;
  expect(sent.exitCode).toBe(0);
  expect(sent.stdout).toContain('events sent');
  expect(sent.seconds).toBeLessThan(20);
  const piped = startSluice(['sql', 'SELECT * FROM range(200000)', '--format', 'csv'], {
    folder: home.folder,
    settings,
  });
  piped.child.stdout?.once('data', () => piped.child.stdout?.destroy());
  const [code] = await once(piped.child, 'exit');
  expect(code).toBe(0);
  expect((await piped.finished).stderr).toBe('');
});

test('config shows the effective settings and no secret', async () => {
  const shown = await sluice(['config', '--json'], { folder: home.folder, settings });
  expect(shown.stdout).not.toContain('SAS_KEY_VALUE');
  const found = JSON.parse(shown.stdout) as { name: string; value: string; from: string }[];
  expect(found.find(({ name }) => name === 'SLUICE_EVENTHUBS')?.value).toMatch(/^Endpoint=sb:.*SharedAccessKey=\*\*\*/);
  expect(found.find(({ name }) => name === 'SLUICE_LEASE')).toMatchObject({ value: '30s', from: 'default' });
});
