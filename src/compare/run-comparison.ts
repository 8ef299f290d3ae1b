import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { defineRelation, readSnapshot } from '../delta/delta.ts';
import { sqlFile } from '../duckdb/duckdb.ts';
import { openStore } from '../storage/open-store.ts';
import { run } from './child.ts';
import type { Comparison, ComparisonOptions, ComparisonParts, RunningHub } from './compare.ts';
import { knownDifferences } from './differences.ts';
import { compareTable, isSame, type TableDifference } from './diff.ts';
import { sparkEnvironment, type SparkEnvironment } from './environment.ts';
import { hostileEvents } from './hostile-events.ts';
import { renderComparison } from './page.ts';
import { recordHub } from './record.ts';
import { NOTEBOOKS, runReference } from './reference.ts';
import { sendHostile } from './send-hostile.ts';
import { comparedTables } from './tables.ts';
import { sparkConnection, trustStore } from './tls.ts';

const copyRowsSql = sqlFile(new URL('statements/copy-rows.sql', import.meta.url));

/** Where the engine's two runs are cut. */
const FIRST_RUN_SHARE = 0.6;

/** See the door. */
export async function runComparison(options: ComparisonOptions, signal: AbortSignal): Promise<Comparison> {
  const { folder, events, seed, source, log, variables, cacheFolder } = options;
  const spark = await sparkEnvironment(cacheFolder, variables, log, signal);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const lakes = { engine: path.join(folder, 'engine'), reference: path.join(folder, 'reference') };
  const hub = await options.parts.startHub(path.join(folder, 'hub'), source === 'eventhubs');
  let engineSeconds: number;
  let parameters: Readonly<Record<string, string>>;
  let reference: ReadonlyMap<string, number>;
  try {
    log.info('sending the events, and draining them with the engine', { events, seed });
    engineSeconds = await runEngine(options, hub, lakes.engine, signal);
    parameters = await prepareSource(options, hub, lakes, signal);
    log.info('running the reference on Spark', { source });
    reference = await runNotebooks(options, spark, lakes, parameters, signal);
  } finally {
    await hub.stop();
  }
  const tables = await compareLakes(lakes, options, signal);
  const page = path.join(folder, 'comparison.html');
  const same = tables.every(isSame);
  const comparison = { events, seed, source, same, tables, page, seconds: { engine: engineSeconds, reference } };
  await writeFile(page, renderComparison(comparison));
  return comparison;
}

export interface Lakes {
  readonly engine: string;
  readonly reference: string;
}

/** Every table of both lakes. */
export async function compareLakes(
  lakes: Lakes,
  { pipeline, source, parts }: Pick<ComparisonOptions, 'pipeline' | 'source'> & { readonly parts: LakeReaders },
  signal: AbortSignal,
): Promise<TableDifference[]> {
  const open = (lake: string) => openStore({ kind: 'folder', folder: lake }, {}, signal);
  const [engine, reference] = [await open(lakes.engine), await open(lakes.reference)];
  const sides = {
    engine: (root: string) => ({ store: engine, root }),
    reference: (root: string) => ({ store: reference, root }),
    known: knownDifferences(),
    source,
    scratch: parts.scratch,
  };
  const found: TableDifference[] = [];
  for (const table of comparedTables(pipeline)) found.push(await compareTable(parts.database, table, sides, signal));
  return found;
}

type LakeReaders = Pick<ComparisonParts, 'database' | 'scratch'>;

/** Two runs over one stream, cut in the middle: what they leave is the same as after one. */
async function runEngine(
  options: ComparisonOptions,
  hub: RunningHub,
  lake: string,
  signal: AbortSignal,
): Promise<number> {
  const sluice = (args: readonly string[]) => runSluice(options, args, hub.connectionString, lake, signal);
  const events = hostileEvents(options)[Symbol.iterator]();
  const send = (count: number) => sendHostile(hub.connectionString, events, count, signal);
  await sluice(['produce', '--dimensions']);
  let seconds = 0;
  const first = Math.round(options.events * FIRST_RUN_SHARE);
  for (const count of [first, options.events - first]) {
    await send(count);
    seconds += (await sluice(['ingest-once'])).seconds;
  }
  return seconds;
}

async function runSluice(
  options: ComparisonOptions,
  args: readonly string[],
  connection: string,
  lake: string,
  signal: AbortSignal,
) {
  const environment = {
    ...options.variables,
    SLUICE_EVENTHUBS: connection,
    SLUICE_LAKE: lake,
    SLUICE_TIME_ZONE: options.timeZone,
    SLUICE_LOG: 'warn',
    SLUICE_LAUNCHED: '1',
  };
  const use = { folder: options.folder, environment };
  const result = await run(process.execPath, [options.parts.launcher, ...args], use, signal);
  if (result.exitCode === 0) return result;
  throw new SluiceError('internal', `sluice ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr.trim()}`);
}

/** What the reference reads, and the parameters that say so. */
async function prepareSource(
  options: ComparisonOptions,
  hub: RunningHub,
  lakes: Lakes,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  await mkdir(lakes.reference, { recursive: true });
  switch (options.source) {
    case 'bronze':
      await cp(path.join(lakes.engine, 'bronze'), path.join(lakes.reference, 'bronze'), { recursive: true });
      return {};
    case 'eventhubs': {
      const store = await trustStore(path.join(options.folder, 'hub'), options.variables, signal);
      return {
        SOURCE: 'eventhubs',
        SECRET_EVENTHUBS_CONNECTION: sparkConnection(hub.connectionString),
        CONSUMER_GROUP: '$Default',
        SPARK_TRUST_STORE: store,
      };
    }
    default: {
      const recording = path.join(options.folder, 'recording');
      for (const { name } of options.pipeline.datasets) {
        await recordHub(hub.connectionString, name, recording, signal);
      }
      return { SOURCE: 'files', RECORDING: recording };
    }
  }
}

async function runNotebooks(
  options: ComparisonOptions,
  spark: SparkEnvironment,
  lakes: Lakes,
  source: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const parameters = {
    LAKE: lakes.reference,
    TIME_ZONE: options.timeZone,
    ...(await exportDimensions(options, lakes.engine, signal)),
    ...source,
  };
  const bronze = options.source === 'bronze' ? [] : NOTEBOOKS.bronze;
  const all = [...bronze, ...NOTEBOOKS.refine];
  return (await runReference(spark, all, parameters, options.variables, signal)).seconds;
}

/** The dimensions as both sides get them: the engine's tables as Parquet files, by name of the parameter. */
async function exportDimensions(
  { pipeline, folder, parts }: ComparisonOptions,
  lake: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const store = await openStore({ kind: 'folder', folder: lake }, {}, signal);
  const files: Record<string, string> = {};
  for (const { name, table } of pipeline.dimensions) {
    const location = { store, root: `silver/${name}` };
    const snapshot = await readSnapshot(location, signal);
    const data = snapshot?.files.values() ?? [];
    await defineRelation(parts.database, 'dimension', location, table, data, parts.scratch, signal);
    files[name.toUpperCase()] = path.join(folder, `${name}.parquet`);
    await parts.database.run(copyRowsSql, { file: files[name.toUpperCase()] ?? '' }, signal);
  }
  return files;
}
