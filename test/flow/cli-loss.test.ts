import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import type { Receipt } from '../../src/report/report.ts';
import { errorOf, query, sluice, temporaryFolder } from '../support/sluice-process.ts';

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
  const args = ['produce', '--ticks', '5', '--seed', String(Date.parse(from) % 1000003), '--from', from];
  const finished = await sluice(args, { folder: home.folder, settings });
  if (finished.exitCode !== 0) throw new Error(finished.stderr);
}

async function run(more: Record<string, string> = {}) {
  const options = { folder: home.folder, settings: { ...settings, ...more } };
  const finished = await sluice(['ingest-once', '--json'], options);
  return { finished, receipt: JSON.parse(finished.stdout) as Receipt };
}

describe('loss through the command line', () => {
  test('the first run leaves an empty gaps table', async () => {
    expect((await run()).finished.exitCode).toBe(0);
    expect(existsSync(path.join(lake, '_sluice/gaps/_delta_log/00000000000000000000.json'))).toBe(true);
    expect(await query('SELECT count(*) AS n FROM sluice.gaps', { folder: home.folder, settings })).toMatchObject([
      { n: 0 },
    ]);
  });

  test('one partition that lost events ends the run with 3, after all others, silver and gold are done', async () => {
    await produce('2026-01-06T09:00:00Z');
    hub.faults.expireEvents('ivr_calls', '0', Number.MAX_SAFE_INTEGER);
    const { finished, receipt } = await run();
    expect([finished.exitCode, receipt.exitCode]).toEqual([3, 3]);
    expect(errorOf(finished)).toMatchObject({ code: 'events_lost' });
    expect(receipt.errors[0]?.message).toMatch(/Hub ivr_calls, partition 0: events \d+ to \d+ are lost/);
    const partitions = receipt.hubs.flatMap((each) => each.partitions.map((one) => one.outcome));
    expect(partitions).toEqual(['failed', 'complete', 'complete', 'complete', 'complete', 'complete']);
    expect(receipt.silver.every((table) => table.outcome === 'complete' && table.written > 0)).toBe(true);
    expect(receipt.gold.every((table) => table.daysRewritten.includes('2026-01-06'))).toBe(true);
  });

  test('recorded, the same loss is a row of the gaps table and exit 0', async () => {
    const { finished, receipt } = await run({ SLUICE_ON_LOSS: 'record' });
    expect(finished.exitCode).toBe(0);
    const lost = receipt.hubs[0]?.partitions[0];
    expect(lost?.gapRows).toBeGreaterThan(0);
    const rows = await query('SELECT dataset, partition_id, reason FROM sluice.gaps', {
      folder: home.folder,
      settings,
    });
    expect(rows).toEqual([{ dataset: 'ivr_calls', partition_id: 0, reason: 'expired' }]);
  });

  test('a hub created again ends every run with 3, whatever the policy', async () => {
    hub.faults.recreateHub('surveys');
    const { finished, receipt } = await run({ SLUICE_ON_LOSS: 'record' });
    expect(finished.exitCode).toBe(3);
    expect(receipt.errors.map(({ code }) => code)).toEqual(['hub_recreated']);
  });
});
