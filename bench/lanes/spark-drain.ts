import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { sparkEnvironment, type SparkEnvironment } from '../../src/compare/environment.ts';
import { runReference, type ReferenceRun } from '../../src/compare/reference.ts';
import { sparkConnection, trustStore } from '../../src/compare/tls.ts';
import { startBenchHub, type BenchHub } from '../bench-hub.ts';
import { buildBundle } from '../build-bundle.ts';
import { runMeasured } from '../measured-process.ts';
import { ratios, spreadOf, type Sample } from '../statistics.ts';
import type { Figure, Lane, LaneOptions } from './lane.ts';

const PARTITIONS = 4;
/** The only port that Spark's connector knows. */
const TLS_PORT = 5671;
const launcher = new URL('../../bin/sluice.js', import.meta.url).pathname;
const never = new AbortController().signal;

/** Spark's connector to Delta, and a whole run of ours, in turn over TLS against one hub with the same events. */
export const sparkDrain: Lane = {
  name: 'spark-drain',
  about:
    "Spark's Event Hubs connector to Delta beside our drain, same hub, same events (needs Java 17; not by default)",
  optional: true,
  async run(options) {
    const spark = await benchSpark();
    await buildBundle();
    const hub = await startBenchHub(PARTITIONS, TLS_PORT);
    try {
      options.say(`filling the hub with ${options.events} events`);
      await hub.fill(options.events);
      const trusted = await trustStore(hub.folder, process.env, never);
      return await measure(spark, hub, trusted, options);
    } finally {
      await hub.stop();
    }
  },
};

/** Spark with what it needs: two threads, a heap it does not fill, as many shuffle partitions as threads. */
export const SPARK_AT_ITS_BEST = { SPARK_MEMORY: '4g', SPARK_SHUFFLE_PARTITIONS: '4', TIME_ZONE: 'America/Sao_Paulo' };

export function benchSpark(): Promise<SparkEnvironment> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice');
  return sparkEnvironment(cache, process.env, silentLog, never);
}

async function measure(spark: SparkEnvironment, hub: BenchHub, trusted: string, options: LaneOptions) {
  const theirs: Sample[] = [];
  const ours: Sample[] = [];
  for (let run = 0; run < options.runs; run++) {
    options.say(`run ${run + 1} of ${options.runs}: Spark, then ours`);
    theirs.push(
      await inNewLake(async (lake) =>
        sparkSample(
          await runReference(
            spark,
            ['bronze'],
            {
              ...SPARK_AT_ITS_BEST,
              LAKE: lake,
              SOURCE: 'eventhubs',
              SECRET_EVENTHUBS_CONNECTION: sparkConnection(hub.connectionString),
              CONSUMER_GROUP: '$Default',
              SPARK_TRUST_STORE: trusted,
              HUBS: 'ivr_calls=,surveys=',
            },
            process.env,
            never,
          ),
        ),
      ),
    );
    ours.push(
      await inNewLake(async (lake) => {
        const command = [launcher, 'ingest-once', '--to', 'bronze', '--hub', hub.hub, '--json'];
        const environment = {
          SLUICE_EVENTHUBS: hub.tlsConnectionString,
          SLUICE_LAKE: lake,
          NODE_EXTRA_CA_CERTS: hub.certificateFile,
        };
        return (await runMeasured(command, environment)).sample;
      }),
    );
  }
  return sideBySide(theirs, ours);
}

/** A lake of its own for one run, gone afterwards. */
export async function inNewLake<T>(action: (lake: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-spark-'));
  const lake = join(folder, 'lake');
  mkdirSync(lake);
  try {
    return await action(lake);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function sparkSample(run: ReferenceRun): Sample {
  return {
    wall_s: run.wallSeconds,
    cpu_s: run.cpuSeconds,
    peak_rss_mib: run.peakRssMiB,
    start_s: run.seconds.get('start') ?? Number.NaN,
  };
}

/** Both subjects' figures, Spark's start apart, and how many times more Spark takes. */
export function sideBySide(theirs: readonly Sample[], ours: readonly Sample[]): Figure[] {
  const figures = { wall_s: 2, cpu_s: 2, peak_rss_mib: 0 } as const;
  const rows = Object.entries(figures).flatMap(([figure, digits]): Figure[] => [
    { subject: 'Spark', figure, value: spreadOf(theirs, figure), digits },
    { subject: 'Sluice', figure, value: spreadOf(ours, figure), digits },
    { subject: 'Spark ÷ Sluice', figure, value: ratios(theirs, ours, figure), digits: 1 },
  ]);
  return [
    ...rows,
    { subject: 'Spark, until a session is there', figure: 'wall_s', value: spreadOf(theirs, 'start_s'), digits: 2 },
  ];
}
