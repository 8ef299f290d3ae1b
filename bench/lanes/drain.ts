import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import { startBenchHub } from '../bench-hub.ts';
import type { BenchHub, Bodies } from '../bench-hub.ts';
import { buildBundle } from '../build-bundle.ts';
import { runMeasured } from '../measured-process.ts';
import { ratios, spread, spreadOf } from '../statistics.ts';
import type { Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const PARTITIONS = 4;
const CLIENT = 'client, counts only';
const launcher = new URL('../../bin/sluice.js', import.meta.url).pathname;
const counter = new URL('../count-with-client.ts', import.meta.url).pathname;

interface Shape {
  readonly tls: boolean;
  readonly bodies: Bodies;
}

export const drain: Lane = {
  name: 'drain',
  about:
    'AMQP to committed Delta by each receiver, from dist, beside the genuine client that only counts (lane client)',
  run: (options) => drainAll(options, { tls: false, bodies: 'hard' }),
};

export const drainTls: Lane = {
  name: 'drain-tls',
  about: 'the same over TLS: the shape of production (not by default)',
  optional: true,
  run: (options) => drainAll(options, { tls: true, bodies: 'hard' }),
};

export const drainEasy: Lane = {
  name: 'drain-easy',
  about: 'the same with bodies that compress 18 to 1 (not by default)',
  optional: true,
  run: (options) => drainAll(options, { tls: false, bodies: 'easy' }),
};

/** Every subject in turn against one hub that holds the same events. */
async function drainAll(options: LaneOptions, shape: Shape): Promise<readonly Figure[]> {
  await buildBundle();
  const hub = await startBenchHub(PARTITIONS);
  try {
    options.say(`filling the hub with ${options.events} events`);
    const bodyBytes = await hub.fill(options.events, shape.bodies);
    return await measure(shape.tls ? overTls(hub) : hub, options, bodyBytes);
  } finally {
    await hub.stop();
  }
}

async function measure(hub: BenchHub, options: LaneOptions, bodyBytes: number): Promise<readonly Figure[]> {
  const samples = new Map<string, Sample[]>([CLIENT, ...options.receivers].map((name) => [name, []]));
  for (let run = 0; run < options.runs; run++) {
    for (const [subject, taken] of samples) {
      options.say(`run ${run + 1} of ${options.runs}: ${subject}`);
      const once = subject === CLIENT ? count : drainOnce;
      taken.push(await withHubCpu(hub, options.events, () => once(hub, options, subject, bodyBytes)));
    }
  }
  return figures(samples, bodyBytes / options.events);
}

async function count(hub: BenchHub, { events, measuring }: LaneOptions): Promise<Sample> {
  const command = [counter, hub.connectionString, hub.hub, String(events)];
  const { sample, stdout } = await runMeasured(command, trusting(hub), measuring);
  const counted = JSON.parse(stdout) as { events: number };
  if (counted.events !== events) throw new Error(`the client counted ${counted.events} of ${events} events`);
  return sample;
}

async function drainOnce(
  hub: BenchHub,
  { events, measuring }: LaneOptions,
  receiver: string,
  bodyBytes: number,
): Promise<Sample> {
  const lake = mkdtempSync(join(tmpdir(), 'sluice-bench-lake-'));
  try {
    const command = [launcher, 'ingest-once', '--to', 'bronze', '--hub', hub.hub, '--json'];
    const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake, SLUICE_RECEIVER: receiver };
    const { sample } = await runMeasured(command, { ...trusting(hub), ...settings }, measuring);
    await verify(lake, events, bodyBytes);
    return { ...sample, ...parquetFiles(join(lake, 'bronze'), events) };
  } finally {
    rmSync(lake, { recursive: true, force: true });
  }
}

const trusting = ({ certificateFile }: BenchHub) => ({ NODE_EXTRA_CA_CERTS: certificateFile });

function overTls(hub: BenchHub): BenchHub {
  return { ...hub, connectionString: hub.tlsConnectionString };
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

function parquetFiles(folder: string, events: number): Sample {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.parquet') && !name.includes('_delta_log'));
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { bronze_files: files.length, bronze_bytes: bytes / events };
}

function figures(samples: ReadonlyMap<string, readonly Sample[]>, bodyBytes: number): Figure[] {
  const of = (subject: string, figure: string, digits: number): Figure => {
    return { subject, figure, value: spreadOf(samples.get(subject) ?? [], figure), digits };
  };
  const subjects = [...samples.keys()];
  const drains = subjects.filter((name) => name !== CLIENT);
  const against = drains.flatMap((name) => subjects.slice(0, subjects.indexOf(name)).map((other) => [name, other]));
  return [
    ...subjects.map((name) => of(name, 'cpu_us_per_event', 2)),
    ...against.map(([name = '', other = '']) => ({
      subject: `${name} ÷ ${other}`,
      figure: 'cpu_us_per_event',
      value: ratios(samples.get(name) ?? [], samples.get(other) ?? [], 'cpu_us_per_event'),
      digits: 2,
    })),
    ...['events_per_cpu_s', 'events_per_s', 'wall_s', 'peak_rss_mib'].flatMap((figure) =>
      subjects.map((name) => of(name, figure, figure === 'wall_s' ? 2 : 0)),
    ),
    ...drains.flatMap((name) => [of(name, 'bronze_files', 0), of(name, 'bronze_bytes', 1)]),
    ...drains.map((name) => ({
      subject: name,
      figure: 'bronze_bytes ÷ body bytes',
      value: spread((samples.get(name) ?? []).map((sample) => (sample['bronze_bytes'] ?? Number.NaN) / bodyBytes)),
      digits: 3,
    })),
    ...drains.map((name) => ({ ...of(name, 'hub_events_per_cpu_s', 0), subject: `hub, while ${name} drains` })),
  ];
}
