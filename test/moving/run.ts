import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import type { RunPlan } from '../../src/cli/run-plan.ts';
import { sparkEnvironment } from '../../src/compare/environment.ts';
import { runReference } from '../../src/compare/reference.ts';
import { sparkConnection, trustStore } from '../../src/compare/tls.ts';
import { silentLog } from '../../src/base/log.ts';
import { startHub } from '../../src/hub/hub.ts';
import { query, sluice } from '../support/sluice-process.ts';

/**
 * Moves a hub from the Databricks notebook to Sluice and back, as docs/moving.md says, with the genuine connector over
 * TLS: `npm run test:moving` (Java 17; the first time it fetches Spark). Every sequence number has to be in one of the
 * three bronze tables, exactly once. Ends non-zero where that does not hold.
 */
const HUB = 'surveys';
/** The only port that Spark's connector knows. */
const TLS_PORT = 5671;
const PARTITIONS = 2;
const never = new AbortController().signal;

interface Range {
  readonly partition_id: number;
  readonly first: number;
  readonly last: number;
  readonly rows: number;
}

const home = mkdtempSync(path.join(tmpdir(), 'sluice-moving-'));
const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'sluice');
const spark = await sparkEnvironment(cache, process.env, silentLog, never);
const hubFolder = path.join(home, 'hub');
const hubs = [HUB, 'ivr_calls', 'call_legs'].map((name) => ({
  name,
  partitionCount: PARTITIONS,
  consumerGroups: [],
}));
const hub = await startHub({ amqpPort: 0, tlsPort: TLS_PORT, healthPort: 'off', dataFolder: hubFolder, hubs });
try {
  const trusted = await trustStore(hubFolder, process.env, never);
  await produce(11);
  await drainByNotebook('before', trusted);
  await produce(12);
  const checkpoint = path.join(home, 'before/_checkpoints/spark', HUB);
  await command('sluice', 'adopt', '--spark-checkpoint', checkpoint);
  await command('sluice', 'ingest-once', '--to', 'bronze', '--hub', HUB);
  await produce(13);
  const plan = JSON.parse(await command('sluice', 'plan', '--json')) as RunPlan;
  const numbers = plan.hubs.map((each) => [
    each.hub,
    Object.fromEntries(each.partitions.map((one) => [one.partitionId, one.firstSequenceNumber])),
  ]);
  await drainByNotebook('after', trusted, { STARTING_AT: JSON.stringify(Object.fromEntries(numbers)) });
  const ranges = [await rangesOf('before'), await rangesOf('sluice'), await rangesOf('after')];
  check(ranges);
} finally {
  await hub.stop();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

function where(lake: string) {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: path.join(home, lake) };
  return { folder: home, settings };
}

async function command(lake: string, ...args: string[]): Promise<string> {
  const finished = await sluice(args, where(lake));
  if (finished.exitCode !== 0) throw new Error(`${args.join(' ')}: ${finished.stderr}`);
  return finished.stdout;
}

async function produce(seed: number): Promise<void> {
  await command('none', 'produce', '--ticks', '40', '--seed', String(seed));
}

async function drainByNotebook(lake: string, trusted: string, more: Readonly<Record<string, string>> = {}) {
  mkdirSync(path.join(home, lake), { recursive: true });
  const parameters = {
    LAKE: path.join(home, lake),
    SOURCE: 'eventhubs',
    SECRET_EVENTHUBS_CONNECTION: sparkConnection(hub.connectionString),
    SPARK_TRUST_STORE: trusted,
    HUBS: 'ivr_calls=,call_legs=',
    ...more,
  };
  await runReference(spark, ['bronze'], parameters, process.env, never);
}

async function rangesOf(lake: string): Promise<Range[]> {
  const statement = `SELECT partition_id, min(sequence_number)::INTEGER AS "first",
      max(sequence_number)::INTEGER AS "last", count(*)::INTEGER AS "rows"
    FROM bronze.${HUB} GROUP BY partition_id ORDER BY partition_id`;
  return (await query(statement, where(lake))) as unknown as Range[];
}

function check(ranges: readonly (readonly Range[])[]): void {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    let next = 0;
    for (const [index, table] of ranges.entries()) {
      const found = table.find(({ partition_id: id }) => id === partition);
      const dense = found !== undefined && found.first === next && found.last - found.first + 1 === found.rows;
      if (!dense) throw new Error(`partition ${partition}, table ${index}: ${JSON.stringify(found)}, from ${next} on`);
      next = found.last + 1;
    }
    const parts = ranges.map((table) => table.find(({ partition_id: id }) => id === partition)?.rows);
    console.log(`partition ${partition}: ${parts.join(' + ')} = ${next} events, none lost, none twice`);
  }
}
