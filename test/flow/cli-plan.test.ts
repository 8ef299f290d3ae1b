import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunPlan } from '../../src/cli/run-plan.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import type { Receipt } from '../../src/report/report.ts';
import { sluice, temporaryFolder } from '../support/sluice-process.ts';

const home = temporaryFolder();
const lake = path.join(home.folder, 'lake');
let hub: RunningHub;
let settings: Record<string, string>;

beforeAll(async () => {
  const hubs = ['ivr_calls', 'call_legs', 'surveys'].map((name) => ({ name, partitionCount: 2, consumerGroups: [] }));
  const ports = { amqpPort: 0, tlsPort: 'off', healthPort: 'off' } as const;
  hub = await startHub({ ...ports, dataFolder: path.join(home.folder, 'hub'), hubs });
  settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake };
  await produce('2026-01-05T09:00:00Z');
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

async function produce(from: string): Promise<void> {
  const finished = await sluice(['produce', '--ticks', '5', '--from', from], { folder: home.folder, settings });
  if (finished.exitCode !== 0) throw new Error(finished.stderr);
}

async function plan(more: Record<string, string> = {}): Promise<RunPlan> {
  const finished = await sluice(['plan', '--json'], { folder: home.folder, settings: { ...settings, ...more } });
  const found = JSON.parse(finished.stdout) as RunPlan;
  expect(finished.exitCode).toBe(found.exitCode);
  return found;
}

async function run(...flags: string[]): Promise<Receipt> {
  const finished = await sluice(['ingest-once', '--json', ...flags], { folder: home.folder, settings });
  return JSON.parse(finished.stdout) as Receipt;
}

/** Ranges by hub and partition, as a plan and as a receipt tell them. */
function ranges(hubs: RunPlan['hubs'] | Receipt['hubs']): string[] {
  return hubs.flatMap((each) =>
    each.partitions.map((one) =>
      [each.hub, one.partitionId, one.firstSequenceNumber, one.lastSequenceNumber].join(' '),
    ),
  );
}

/** Names, times and contents of all files below. */
function fingerprint(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
  return files.map((file) => {
    const found = statSync(path.join(folder, file));
    const bytes = found.isFile() ? readFileSync(path.join(folder, file)) : '';
    return [file, found.mtimeMs, createHash('sha256').update(bytes).digest('hex')].join(' ');
  });
}

test('before the first run: all that is retained, by default figures; the lake is not made', async () => {
  const found = await plan();
  expect(existsSync(lake)).toBe(false);
  expect(found).toMatchObject({ exitCode: 0, errors: [], warnings: [], expected: { basis: 'defaults', runs: 0 } });
  const events = found.hubs.flatMap(({ partitions }) => partitions.map((each) => each.events));
  expect(events.every((count) => count > 0)).toBe(true);
  expect(found.silver.map(({ eventsToCome }) => eventsToCome)).toEqual(
    found.hubs.map(({ partitions }) => partitions.reduce((sum, each) => sum + each.events, 0)),
  );
  expect(found.gold.map(({ sources }) => sources)).toEqual([
    ['call_legs', 'surveys'],
    ['ivr_calls', 'call_legs'],
  ]);
  expect(found.expected.seconds).toBeGreaterThan(0);
  // A plan reads no event: the run that comes finds what was planned.
  expect(ranges((await run('--to', 'bronze')).hubs)).toEqual(ranges(found.hubs));
});

test('what bronze has and silver has not, silver and not gold, is pending until a run did it', async () => {
  const bronzeOnly = await plan();
  expect(bronzeOnly.hubs.flatMap(({ partitions }) => partitions).every(({ events }) => events === 0)).toBe(true);
  expect(bronzeOnly.silver.every(({ rows, files, bytes }) => rows > 0 && files > 0 && bytes > 0)).toBe(true);
  const receipt = await run('--to', 'silver');
  expect(receipt.silver.map(({ rowsIn }) => rowsIn)).toEqual(bronzeOnly.silver.map(({ rows }) => rows));
  const goldOnly = await plan();
  expect(goldOnly.silver.every(({ rows }) => rows === 0)).toBe(true);
  expect(goldOnly.gold.map(({ sources, rows }) => [sources.length, rows > 0])).toEqual([
    [2, true],
    [2, true],
  ]);
  await run();
  const idle = await plan();
  expect(idle.gold.map(({ sources }) => sources)).toEqual([[], []]);
  expect(idle.expected).toMatchObject({ basis: 'history', runs: 1 });
  const text = await sluice(['plan'], { folder: home.folder, settings });
  expect(text.stdout).toMatch(/^plan for .*: nothing to do, .*\nexpected: .* \(by the one run there was\)\n$/);
});

test('events that wait have an age on both ends, and the plan changes no file', async () => {
  const before = new Date().toISOString();
  await produce('2026-01-06T09:00:00Z');
  const files = fingerprint(lake);
  const found = await plan();
  expect(fingerprint(lake)).toEqual(files);
  const waiting = found.hubs.flatMap(({ partitions }) => partitions).filter(({ events }) => events > 0);
  expect(waiting.length).toBeGreaterThan(3);
  for (const { newestEnqueuedAt, enqueuedAfter, expectedSeconds } of waiting) {
    expect(newestEnqueuedAt !== null && newestEnqueuedAt >= before).toBe(true);
    expect(enqueuedAfter !== null && enqueuedAfter < before).toBe(true);
    expect(expectedSeconds).toBeGreaterThanOrEqual(0);
  }
});

test('a loss is a warning of the plan, with the range and what the policy makes of it', async () => {
  hub.faults.expireEvents('ivr_calls', '0', Number.MAX_SAFE_INTEGER);
  const failing = await plan();
  expect(failing.exitCode).toBe(0);
  expect(failing.hubs[0]?.partitions[0]?.gap).not.toBeNull();
  expect(failing.warnings.join()).toMatch(/ivr_calls, partition 0: events \d+ to \d+ expired.*exit 3/);
  expect((await plan({ SLUICE_ON_LOSS: 'record' })).warnings.join()).toMatch(/records them in the gaps table/);
});

test('a table for another time zone is an error with exit 2; the hubs are planned all the same', async () => {
  const found = await plan({ SLUICE_TIME_ZONE: 'UTC' });
  expect(found.exitCode).toBe(2);
  expect([...new Set(found.errors.map(({ code }) => code))]).toEqual(['time_zone_mismatch']);
  expect(found.hubs.every(({ partitions }) => partitions.length === 2)).toBe(true);
});

test('a hub created again is an error with exit 3; one that is away gives 4, and the tables are planned', async () => {
  hub.faults.recreateHub('surveys');
  const recreated = await plan();
  expect(recreated).toMatchObject({ exitCode: 3, errors: [{ code: 'hub_recreated' }] });
  const away = 'Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;';
  const unreached = await plan({ SLUICE_EVENTHUBS: away });
  expect(unreached.exitCode).toBe(4);
  expect(unreached.errors.map(({ code }) => code)).toEqual(Array(3).fill('eventhubs_unavailable'));
  expect(unreached.silver).toHaveLength(3);
});
