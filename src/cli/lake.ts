import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Pipeline } from '../../schemas/contract.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { TableLocation } from '../delta/delta.ts';
import { openDatabase, type Database } from '../duckdb/duckdb.ts';
import type { StorageCalls } from '../report/report.ts';
import { openStore, parseLake } from '../storage/open-store.ts';
import { openScratch, type Scratch } from '../storage/scratch.ts';
import type { ObjectStore } from '../storage/storage.ts';
import { required, type Configuration } from './configuration.ts';
import { provideKit } from './provide-kit.ts';
import type { Terminal } from './terminal.ts';

/** A lake that a command works on, and what the work needs. DuckDB is loaded at the first call. */
export interface Lake {
  readonly store: ObjectStore;
  readonly calls: () => StorageCalls;
  readonly scratch: Scratch;
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes of event bodies that silver judges at once. */
  readonly bodyBytesMax: number;
  table(root: string): TableLocation;
  openDatabase(): Promise<Database>;
  close(): Promise<void>;
}

export interface OpenLakeOptions {
  /** Read-only commands create nothing, and may run beside another: their scratch is their own. */
  readonly readOnly: boolean;
  readonly log: Log;
}

const memory = {
  shareOfDuckDb: 0.5,
  duckDbBytesMin: 48 * MiB,
  duckDbBytesMax: 2048 * MiB,
  /** What the process takes beside DuckDB's own limit: code, V8's heap, buffers, and what DuckDB does not count. */
  besideDuckDbBytes: 272 * MiB,
  /** Bodies judged at once, as a share of DuckDB's limit. */
  shareOfBodies: 0.3,
  bodyBytesMax: 160 * MiB,
} as const;

/** The lake's objects alone: for commands that need neither scratch nor DuckDB. */
export function openLakeStore(
  configuration: Configuration,
  terminal: Terminal,
  options: Pick<OpenLakeOptions, 'readOnly'>,
): Promise<ObjectStore> {
  const text = options.readOnly ? (configuration.lake ?? localLake(terminal.workingFolder)) : configuration.lake;
  const hint = options.readOnly
    ? 'name the lake to read; there is no .sluice/lake here'
    : 'name the folder or container';
  const location = parseLake(required(text, 'SLUICE_LAKE', hint));
  const { storageConnectionString: connectionString } = configuration;
  return openStore(location, { connectionString, create: !options.readOnly }, terminal.stop.hard);
}

export async function openLake(
  configuration: Configuration,
  terminal: Terminal,
  options: OpenLakeOptions,
): Promise<Lake> {
  const inner = await openLakeStore(configuration, terminal, options);
  const { countCalls } = await import('../report/report.ts');
  const { store, calls } = countCalls(inner);
  const scratchFolder = scratchFolderOf(configuration, store.url, options.readOnly);
  const scratch = await openScratch(scratchFolder, configuration.scratch.bytesMax).catch((cause: unknown) => {
    if (cause instanceof SluiceError) throw cause;
    const why = (cause as Error).message;
    const message = `SLUICE_SCRATCH: ${scratchFolder} cannot be written (${why}); name another folder`;
    throw new SluiceError('configuration', message, { cause });
  });
  const duckDbBytesMax = duckDbBytes(configuration.memoryBytesMax);
  const openOnce = once(() =>
    openDatabase({
      memoryBytesMax: duckDbBytesMax,
      threads: configuration.threads,
      temporaryFolder: path.join(scratchFolder, 'spill'),
    }),
  );
  return {
    store,
    calls,
    scratch,
    runId: `${new Date(systemClock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomUUID().slice(0, 8)}`,
    clock: systemClock,
    log: options.log,
    bodyBytesMax: Math.min(memory.bodyBytesMax, duckDbBytesMax * memory.shareOfBodies),
    table: (root) => ({ store, root }),
    openDatabase: openOnce.get,
    async close() {
      (await openOnce.made())?.close();
      await scratch.close();
      if (options.readOnly) await rm(scratchFolder, { recursive: true, force: true });
    },
  };
}

function duckDbBytes(budgetBytes: number): number {
  const most = Math.min(budgetBytes * memory.shareOfDuckDb, budgetBytes - memory.besideDuckDbBytes);
  return Math.max(memory.duckDbBytesMin, Math.min(most, memory.duckDbBytesMax));
}

/** The call centre, or the pipeline of SLUICE_PIPELINE; checks the dataset names of SLUICE_HUBS against it. */
export async function loadPipeline(configuration: Configuration): Promise<Pipeline> {
  const file = configuration.pipelineModule;
  if (file === undefined) return (await import('../pipeline.ts')).callCentre;
  await provideKit();
  const module = await import(pathToFileURL(path.resolve(file)).href).catch((cause: unknown) => {
    const reason = String((cause as Error)?.message ?? cause).replaceAll(/\s*\n\s*/g, ' ');
    const message = `SLUICE_PIPELINE: ${file} cannot be loaded (${reason})`;
    throw new SluiceError('configuration', message, { cause });
  });
  const found: Partial<Record<string, unknown>> | undefined = module.pipeline;
  const missing = ['datasets', 'dimensions', 'gold'].find((part) => !Array.isArray(found?.[part]));
  if (missing !== undefined) {
    const what = found === undefined ? 'has no export named pipeline' : `exports a pipeline without ${missing}`;
    throw new SluiceError('configuration', `SLUICE_PIPELINE: ${file} ${what}; see src/pipeline.ts for one`);
  }
  return module.pipeline as Pipeline;
}

/** The lake of `start`, for commands that only read. */
function localLake(workingFolder: string): string | undefined {
  const folder = path.join(workingFolder, '.sluice', 'lake');
  return existsSync(folder) ? folder : undefined;
}

function scratchFolderOf(configuration: Configuration, url: string, own: boolean): string {
  const lake = createHash('sha256').update(url).digest('hex').slice(0, 16);
  return path.join(configuration.scratch.folder, own ? `${lake}-${randomUUID().slice(0, 8)}` : lake);
}

function once<T>(make: () => Promise<T>): { get: () => Promise<T>; made: () => Promise<T | undefined> } {
  let made: Promise<T> | undefined;
  return { get: () => (made ??= make()), made: async () => made?.catch(() => undefined) };
}
