import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import { startBenchHub } from '../bench-hub.ts';
import type { BenchHub } from '../bench-hub.ts';
import { runMeasured } from '../measured-process.ts';
import { ratios, spread, spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const PARTITIONS = 4;
const launcher = new URL('../../bin/sluice.js', import.meta.url).pathname;
const counter = new URL('../count-with-client.ts', import.meta.url).pathname;

/**
 * The genuine client that only counts, and a whole run of ours from AMQP to committed Delta, in turn against one hub
 * that holds the same events; then a run with nothing new.
 */
export const drain: Lane = {
  name: 'drain',
  about:
    'AMQP to committed Delta, beside the genuine client that only counts (lane client), and a run with nothing new',
  async run(options) {
    const hub = await startBenchHub(PARTITIONS);
    try {
      options.say(`filling the hub with ${options.events} events`);
      const bodyBytes = await hub.fill(options.events);
      return await measure(hub, options, bodyBytes);
    } finally {
      await hub.stop();
    }
  },
};

async function measure(hub: BenchHub, options: LaneOptions, bodyBytes: number): Promise<readonly Figure[]> {
  const client: Sample[] = [];
  const ours: Sample[] = [];
  const empty: Sample[] = [];
  for (let run = 0; run < options.runs; run++) {
    options.say(`run ${run + 1} of ${options.runs}: client, drain, empty`);
    client.push(await withHubCpu(hub, options.events, () => count(hub, options.events)));
    const lake = mkdtempSync(join(tmpdir(), 'sluice-bench-lake-'));
    try {
      const drained = await withHubCpu(hub, options.events, () => ingest(hub, lake));
      await verify(lake, options.events, bodyBytes);
      ours.push({ ...drained, bronze_bytes: parquetBytes(join(lake, 'bronze')) / options.events });
      empty.push(await ingest(hub, lake));
    } finally {
      rmSync(lake, { recursive: true, force: true });
    }
  }
  return figures({ client, ours, empty }, options.events, bodyBytes);
}

async function count(hub: BenchHub, events: number): Promise<Sample> {
  const { sample, stdout } = await runMeasured([counter, hub.connectionString, hub.hub, String(events)], {});
  const counted = JSON.parse(stdout) as { events: number };
  if (counted.events !== events) throw new Error(`the client counted ${counted.events} of ${events} events`);
  return sample;
}

async function ingest(hub: BenchHub, lake: string): Promise<Sample> {
  const command = [launcher, 'ingest-once', '--to', 'bronze', '--hub', hub.hub, '--json'];
  const { sample } = await runMeasured(command, { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake });
  return sample;
}

async function withHubCpu(hub: BenchHub, events: number, action: () => Promise<Sample>): Promise<Sample> {
  const before = await hub.cpuSeconds();
  const sample = await action();
  const hubCpuSeconds = (await hub.cpuSeconds()) - before;
  return {
    ...sample,
    cpu_us_per_event: (sample['cpu_s'] ?? Number.NaN) * (1e6 / events),
    events_per_cpu_s: events / (sample['cpu_s'] ?? Number.NaN),
    events_per_s: events / (sample['wall_s'] ?? Number.NaN),
    hub_events_per_cpu_s: events / hubCpuSeconds,
  };
}

/** A fast drain that loses events is worth nothing: every event once, every byte of the bodies there. */
async function verify(lake: string, events: number, bodyBytes: number): Promise<void> {
  const database = await openDatabase({ memoryBytesMax: 2 ** 30, threads: 2, temporaryFolder: tmpdir() });
  try {
    const [found] = await database.rows<{ rows: bigint; distinct_rows: bigint; bytes: bigint }>(
      `SELECT count(*) AS rows, count(DISTINCT (partition_id, sequence_number)) AS distinct_rows,
              sum(strlen(body))::BIGINT AS bytes
       FROM read_parquet($files, hive_partitioning = false)`,
      { files: join(lake, 'bronze/call_legs/ingestion_date=*/*.parquet') },
    );
    const wanted = [BigInt(events), BigInt(events), BigInt(bodyBytes)];
    const got = [found?.rows, found?.distinct_rows, found?.bytes];
    if (String(got) !== String(wanted)) throw new Error(`bronze holds ${String(got)}, wanted ${String(wanted)}`);
  } finally {
    database.close();
  }
}

function parquetBytes(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.parquet') && !name.includes('_delta_log'));
  return files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function figures(
  samples: Record<'client' | 'ours' | 'empty', readonly Sample[]>,
  events: number,
  bodyBytes: number,
): Figure[] {
  const { client, ours, empty } = samples;
  const of = (subject: string, from: readonly Sample[], figure: string, digits: number): Figure => ({
    subject,
    figure,
    value: spreadOf(from, figure),
    digits,
  });
  const both = (figure: string, digits: number): Figure[] => [
    of('client, counts only', client, figure, digits),
    of('drain', ours, figure, digits),
  ];
  const size = spread(ours.map((sample) => (sample['bronze_bytes'] ?? Number.NaN) / (bodyBytes / events)));
  return [
    ...both('events_per_cpu_s', 0),
    {
      subject: 'drain ÷ client',
      figure: 'events_per_cpu_s',
      value: ratios(ours, client, 'events_per_cpu_s'),
      digits: 2,
    },
    ...both('cpu_us_per_event', 2),
    ...both('events_per_s', 0),
    ...both('wall_s', 2),
    ...both('peak_rss_mib', 0),
    of('drain', ours, 'bronze_bytes', 1),
    { subject: 'drain', figure: 'bronze_bytes ÷ body bytes', value: size, digits: 3 },
    of('hub, while ours drains', ours, 'hub_events_per_cpu_s', 0),
    of('run with nothing new', empty, 'wall_s', 2),
    of('run with nothing new', empty, 'cpu_s', 2),
    of('run with nothing new', empty, 'peak_rss_mib', 0),
  ];
}
