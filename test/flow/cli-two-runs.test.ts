import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { runOnce } from '../../src/cli/ingest-once.ts';
import { openEventSource, type EventSourceOptions } from '../../src/eventhubs/eventhubs.ts';
import { commits, openBusyLake, testTerminal, until, type BusyLake } from '../support/busy-lake.ts';

let busy: BusyLake;
beforeAll(async () => {
  busy = await openBusyLake();
  await busy.sendDay('2026-01-05', 0.5);
});
afterAll(() => busy.close());

const inFolder = (lake: string): string => path.join(busy.folder, lake);
const SHORT = { SLUICE_LEASE: '2s' };

/** The moments at which a run is paused, and at which the other, which has its lease by then, lets it wake up. */
const paused = [
  { at: 'bronze', table: 'bronze/ivr_calls', entries: 1, wakesAt: 'bronze/call_legs', wakesEntries: 2 },
  { at: 'silver', table: 'silver/ivr_calls', entries: 1, wakesAt: 'silver/call_legs', wakesEntries: 2 },
] as const;

/** The datasets are at work side by side: a run can be past the second moment before it is paused at the first. */
const PAUSES_MAX = 10;

async function pausedRun({ at, table, entries, wakesAt, wakesEntries }: (typeof paused)[number]) {
  for (let pause = 0; pause < PAUSES_MAX; pause++) {
    const lake = `paused-${at}-${pause}`;
    const late = busy.run(lake, [], SHORT);
    await until(() => commits(inFolder(lake), table) >= entries);
    late.child.kill('SIGSTOP');
    // What was under way to the disk is there then.
    await delay(50);
    if (commits(inFolder(lake), wakesAt) < wakesEntries) return { lake, late };
    late.child.kill('SIGKILL');
    await late.finished;
  }
  throw new Error(`${at}: always past ${wakesAt} before it could be paused`);
}

test.each(paused)('a run paused in $at wakes up while another has its work: locked, exit 0, all once', async (when) => {
  const { lake, late } = await pausedRun(when);
  const other = busy.run(lake, [], { ...SHORT, SLUICE_SCRATCH: inFolder('scratch-2') });
  await until(() => commits(inFolder(lake), when.wakesAt) >= when.wakesEntries);
  late.child.kill('SIGCONT');
  const [first, second] = await Promise.all([late.finished, other.finished]);
  expect(JSON.parse(second.stdout)).toMatchObject({ outcome: 'complete', exitCode: 0 });
  expect(first.exitCode).toBe(0);
  expect(JSON.parse(first.stdout)).toMatchObject({ outcome: 'locked', errors: [] });
  expect(await busy.expectOnce(lake)).toEqual([]);
});

test('a run paused in bronze wakes up when another has done its work and gone: locked, exit 0, all once', async () => {
  const lake = 'slept';
  const late = busy.run(lake, [], SHORT);
  await until(() => commits(inFolder(lake), 'bronze/call_legs') >= 1);
  late.child.kill('SIGSTOP');
  const other = await busy.run(lake, [], { ...SHORT, SLUICE_SCRATCH: inFolder('scratch-2') }).finished;
  expect(JSON.parse(other.stdout)).toMatchObject({ outcome: 'complete' });
  late.child.kill('SIGCONT');
  const first = await late.finished;
  expect(first.exitCode).toBe(0);
  expect(JSON.parse(first.stdout)).toMatchObject({ outcome: 'locked' });
  expect(await busy.expectOnce(lake)).toEqual([]);
});

test('after SIGKILL the next run on the same host goes on at once', async () => {
  const killed = busy.run('killed');
  await until(() => commits(inFolder('killed'), 'bronze/call_legs') >= 1);
  killed.child.kill('SIGKILL');
  await killed.finished;
  const next = await busy.run('killed').finished;
  expect(JSON.parse(next.stdout)).toMatchObject({ outcome: 'complete', exitCode: 0 });
  expect(next.stderr).not.toContain('waiting for a sign of life');
  expect(await busy.expectOnce('killed')).toEqual([]);
});

test('a holder of another host that is silent is waited for one lease, whatever its clock says', async () => {
  const holder = {
    runId: 'gone',
    command: 'ingest-once',
    host: 'elsewhere',
    machine: 'another',
    pid: 1,
    processStart: '1',
    durationMs: 3000,
    renewals: 7,
    renewedAt: '2099-01-01T00:00:00.000Z',
    released: false,
  };
  mkdirSync(path.join(inFolder('elsewhere'), '_sluice/lease'), { recursive: true });
  writeFileSync(path.join(inFolder('elsewhere'), '_sluice/lease/41.json'), JSON.stringify(holder));
  const run = await busy.run('elsewhere', ['--to', 'bronze'], { SLUICE_LEASE: '1s' }).finished;
  const receipt = JSON.parse(run.stdout);
  expect(receipt).toMatchObject({ outcome: 'complete', exitCode: 0 });
  const waited = receipt.steps.find(({ step }: { step: string }) => step === 'lease');
  expect(waited.seconds).toBeGreaterThanOrEqual(3);
  expect(waited.seconds).toBeLessThan(8);
});

test('a lease that cannot be taken ends the run before anything is done; renewals that fail stop nothing', async () => {
  const leases = path.join(inFolder('away'), '_sluice/lease');
  mkdirSync(path.dirname(leases), { recursive: true });
  writeFileSync(leases, 'no folder');
  const refused = await busy.run('away').finished;
  expect([2, 4]).toContain(refused.exitCode);
  expect(commits(inFolder('away'), 'bronze/ivr_calls') + commits(inFolder('away'), 'silver/ivr_calls')).toBe(0);

  rmSync(leases);
  const run = busy.run('away', [], { SLUICE_LEASE: '1s' });
  await until(() => commits(inFolder('away'), 'silver/customers') > 0);
  busy.hub.faults.pauseDelivery();
  renameSync(leases, `${leases}-moved`);
  writeFileSync(leases, 'no folder');
  await until(() => run.log().includes('the lease could not be renewed')).finally(() =>
    busy.hub.faults.resumeDelivery(),
  );
  const finished = await run.finished;
  expect(JSON.parse(finished.stdout)).toMatchObject({ outcome: 'complete', exitCode: 0 });
  expect(await busy.expectOnce('away')).toEqual([]);
});

test('three runs at once without any lease, none put off by another, give every event once', async () => {
  const never = new AbortController().signal;
  const lease = { number: 7, lost: never, look: async () => {}, release: async () => {} };
  const runs = ['one', 'two', 'three'].map((group, index) => {
    // A group each: so their receivers leave each other alone, and only the commits decide.
    const own = { SLUICE_CONSUMER_GROUP: group, SLUICE_SCRATCH: inFolder(`race-scratch-${index}`) };
    const environment = busy.settings('race', { ...own, SLUICE_CHECKPOINTS: inFolder(`race-checkpoints-${index}`) });
    const parts = { takeLease: async () => ({ kind: 'held', lease }) as const };
    return runOnce({ to: 'gold' }, readConfiguration(environment), testTerminal(environment), parts);
  });
  const receipts = await Promise.all(runs);
  const codes = receipts.flatMap(({ errors }) => errors.map(({ code }) => code));
  // A run that loses again and again says so; it never doubles.
  expect(codes.filter((code) => code !== 'table_conflict')).toEqual([]);
  expect(receipts.filter(({ exitCode }) => exitCode === 0).length).toBeGreaterThan(0);
  expect((await busy.run('race').finished).exitCode).toBe(0);
  expect(await busy.expectOnce('race')).toEqual([]);
});

test('a service that gives nothing ends in exit 4 for its hub alone; the others, silver and gold go on', async () => {
  const environment = busy.settings('stuck');
  const parts = {
    openEventSource: (options: EventSourceOptions) =>
      openEventSource({ ...options, stallMsMax: options.hub === 'surveys' ? 1 : 60_000 }),
  };
  const receipt = await runOnce({ to: 'gold' }, readConfiguration(environment), testTerminal(environment), parts);
  expect(receipt).toMatchObject({ outcome: 'failed', exitCode: 4 });
  expect(receipt.errors[0]).toMatchObject({ code: 'receiver_stalled', retryable: true });
  expect(receipt.errors[0]?.message).toMatch(/surveys/);
  expect(receipt.hubs.map(({ dataset, outcome }) => [dataset, outcome])).toEqual(
    expect.arrayContaining([
      ['ivr_calls', 'complete'],
      ['call_legs', 'complete'],
      ['surveys', 'failed'],
    ]),
  );
  expect(receipt.gold.find(({ table }) => table === 'gold/queue_daily')?.rowsWritten).toBeGreaterThan(0);
  expect((await busy.run('stuck').finished).exitCode).toBe(0);
  expect(await busy.expectOnce('stuck')).toEqual([]);
});
