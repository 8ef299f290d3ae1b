import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { sendEvents } from '../../src/cli/produce.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { startHub, type RunningHub } from '../../src/hub/hub.ts';
import { callCentre } from '../../src/pipeline.ts';
import { generateBusinessDay } from '../../src/producer/producer.ts';
import { query, startSluice, temporaryFolder, type SluiceProcess } from './sluice-process.ts';

/** What a test in this process is to a command. */
export function testTerminal(environment: Readonly<Record<string, string>>, soft?: AbortSignal): Terminal {
  const never = new AbortController().signal;
  return {
    environment,
    workingFolder: '/',
    print: () => {},
    stop: { soft: soft ?? never, hard: never },
    logOf: () => silentLog,
  };
}

/** A hub in this process with business days in it, and lakes for runs in processes of their own. */
export interface BusyLake {
  readonly hub: RunningHub;
  readonly folder: string;
  settings(lake: string, more?: Readonly<Record<string, string>>): Record<string, string>;
  /** Sends a business day, or its first part, to the three hubs. */
  sendDay(date: string, share?: number): Promise<void>;
  run(lake: string, flags?: readonly string[], more?: Readonly<Record<string, string>>): LoggedRun;
  /** Whether bronze has what was sent once, and silver and gold what follows from it. */
  expectOnce(lake: string, layer?: 'bronze' | 'gold'): Promise<string[]>;
  close(): Promise<void>;
}

export interface LoggedRun extends SluiceProcess {
  log(): string;
}

const GROUPS = ['one', 'two', 'three'];

export async function openBusyLake(): Promise<BusyLake> {
  const home = temporaryFolder();
  const { folder } = home;
  const hubs = callCentre.datasets.map(({ name }) => ({ name, partitionCount: 4, consumerGroups: GROUPS }));
  const dataFolder = path.join(folder, 'hub');
  const hub = await startHub({ amqpPort: 0, tlsPort: 'off', healthPort: 'off', dataFolder, hubs });
  const sent: Record<string, number> = {};
  const settings: BusyLake['settings'] = (lake, more = {}) => ({
    SLUICE_EVENTHUBS: hub.connectionString,
    SLUICE_LAKE: path.join(folder, lake),
    SLUICE_SCRATCH: path.join(folder, 'scratch'),
    // The least there is: many commits.
    SLUICE_MEMORY: '128MiB',
    ...more,
  });
  return {
    hub,
    folder,
    settings,
    async sendDay(date, share = 1) {
      const seed = Math.round(Date.parse(date) / 86_400_000);
      const day = [...generateBusinessDay({ date, seed, timeZone: 'America/Sao_Paulo' })];
      const events = day.slice(0, Math.floor(day.length * share));
      const environment = settings('none');
      const result = await sendEvents(events, readConfiguration(environment), silentLog, testTerminal(environment));
      for (const [dataset, count] of Object.entries(result.sent)) sent[dataset] = (sent[dataset] ?? 0) + count;
    },
    run(lake, flags = [], more = {}) {
      const run = startSluice(['ingest-once', '--json', ...flags], { folder, settings: settings(lake, more) });
      let log = '';
      run.child.stderr?.on('data', (chunk: Buffer) => void (log += chunk.toString()));
      return { ...run, log: () => log };
    },
    async expectOnce(lake, layer = 'gold') {
      const where = { folder, settings: settings(lake) };
      const selects = callCentre.datasets.flatMap(({ name }) => {
        const bronze = `SELECT 'bronze/${name}' AS name, count(*) AS rows,
          count(DISTINCT (partition_id, sequence_number)) AS once FROM bronze.${name}`;
        const key = name === 'ivr_calls' ? 'call_id' : name === 'call_legs' ? 'leg_id' : 'survey_id';
        const silver = `SELECT 'silver/${name}', (SELECT count(*) FROM silver.${name}),
          (SELECT count(DISTINCT json_extract_string(body, '$.${key}')) FROM bronze.${name})`;
        return layer === 'gold' ? [bronze, silver] : [bronze];
      });
      if (layer === 'gold') {
        selects.push(
          `SELECT 'gold', (SELECT sum(calls) FROM gold.queue_daily), (SELECT count(*) FROM silver.ivr_calls)`,
        );
      }
      const rows = await query(selects.join(' UNION ALL '), where);
      return rows.flatMap(({ name, rows: found, once }) => {
        const wanted = String(name).startsWith('bronze/') ? sent[String(name).slice('bronze/'.length)] : once;
        const right = Number(found) === Number(once) && Number(found) === Number(wanted);
        return right ? [] : [`${String(name)}: ${String(found)} rows, ${String(once)} once, ${String(wanted)} wanted`];
      });
    },
    async close() {
      await hub.stop();
      home.remove();
    },
  };
}

export async function until(condition: () => boolean, waitMsMax = 30_000): Promise<void> {
  for (const end = performance.now() + waitMsMax; !condition();) {
    if (performance.now() > end) throw new Error(`not within ${waitMsMax} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Entries of the log of a table, its creation included. */
export function commits(lakeFolder: string, table: string): number {
  const folder = path.join(lakeFolder, table, '_delta_log');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')).length : 0;
}
