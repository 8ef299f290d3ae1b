import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAzurite } from '../support/azurite.ts';
import { query, sluice, startSluice, temporaryFolder } from '../support/sluice-process.ts';

let home: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  home = temporaryFolder();
});
afterEach(() => home.remove());

const GOLD = ['agent_daily', 'queue_daily'] as const;

/** Processes of this test's folder: each carries the folder among its arguments. */
function children(): string[] {
  const all = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  return all.split('\n').filter((line) => line.includes(`${home.folder}/.sluice/hub`));
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(condition()).toBe(true);
}

describe('start', () => {
  test('ends in a receipt; a second one ingests only the next day; sql answers; no child is left', async () => {
    const first = await sluice(['start'], home);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/^run \S+: complete, exit 0/);
    const page = /^report: (.+)$/m.exec(first.stdout)?.[1] ?? '';
    expect(readFileSync(page, 'utf8')).toContain('2026-01-05');
    expect(children()).toEqual([]);
    const days = 'SELECT date, sum(handled_legs)::BIGINT AS legs FROM gold.agent_daily GROUP BY date ORDER BY date';
    const [before] = await query(days, home);
    expect(before).toMatchObject({ date: '2026-01-05' });

    const second = await sluice(['start', '--json'], home);
    const receipt = JSON.parse(second.stdout);
    expect(receipt).toMatchObject({ outcome: 'complete', exitCode: 0 });
    const events = await query('SELECT count(*)::INTEGER AS n FROM silver.ivr_calls', home);
    const ivr = receipt.hubs.find((hub: { hub: string }) => hub.hub === 'ivr_calls');
    expect(ivr.partitions.every((each: { firstSequenceNumber: number }) => each.firstSequenceNumber > 0)).toBe(true);
    const written = receipt.silver.find((each: { table: string }) => each.table === 'silver/ivr_calls').written;
    expect(Number(events[0]?.['n'])).toBeGreaterThan(written);
    const after = await query(days, home);
    expect(after.map(({ date }) => date)).toEqual(['2026-01-05', '2026-01-06']);
    expect(after[0]).toEqual(before);
    expect(children()).toEqual([]);
  });

  test('gives the same gold on Azurite as on a folder', async () => {
    const azurite = await startAzurite();
    const other = temporaryFolder();
    const settings = {
      SLUICE_LAKE: `${azurite.blobUrl}/lake/some/prefix`,
      AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString,
    };
    try {
      const remote = await sluice(['start'], { folder: other.folder, settings });
      expect(remote.exitCode).toBe(0);
      expect(existsSync(path.join(other.folder, '.sluice/lake'))).toBe(false);
      expect((await sluice(['start'], home)).exitCode).toBe(0);
      for (const view of GOLD) {
        const statement = `SELECT * FROM gold.${view} ORDER BY ALL`;
        const rows = await query(statement, { folder: other.folder, settings });
        expect(rows.length).toBeGreaterThan(10);
        expect(rows).toEqual(await query(statement, home));
      }
    } finally {
      await azurite.stop();
      other.remove();
    }
  });

  test('that is interrupted while it sends leaves no child, and its day is sent by the next one', async () => {
    const { child, finished } = startSluice(['start'], home);
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => void (log += chunk.toString()));
    await until(() => log.includes('sending a synthetic business day'));
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ exitCode: 0 });
    expect(children()).toEqual([]);
    expect(existsSync(path.join(home.folder, '.sluice/start.json'))).toBe(false);

    expect((await sluice(['start'], home)).exitCode).toBe(0);
    const start = JSON.parse(readFileSync(path.join(home.folder, '.sluice/start.json'), 'utf8'));
    expect(start).toEqual({ lastDaySent: '2026-01-05' });
    const [twice] = await query('SELECT count(*) - count(DISTINCT call_id) AS n FROM silver.ivr_calls', home);
    expect(Number(twice?.['n'])).toBe(0);
  });

  test('that is killed takes its hub with it', async () => {
    const { child, finished } = startSluice(['start'], home);
    await until(() => children().length > 0);
    child.kill('SIGKILL');
    await finished.catch(() => undefined);
    await until(() => children().length === 0);
    expect(children()).toEqual([]);
  });
});
