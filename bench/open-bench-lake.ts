import { MiB } from '../src/base/limits.ts';
import type { Log } from '../src/base/log.ts';
import { readConfiguration, type Configuration } from '../src/cli/configuration.ts';
import { openLake, type Lake } from '../src/cli/lake.ts';
import { limitYoungGeneration } from '../src/cli/limit-young-generation.ts';
import { stderrLog } from '../src/cli/terminal.ts';
import type { StageTools } from '../src/silver/silver.ts';

/** A process that does a part of a run, with the settings and within the limits of one. */
export interface BenchLake {
  readonly configuration: Configuration;
  readonly lake: Lake;
  /** What a stage works with. */
  readonly tools: StageTools;
  readonly never: AbortSignal;
}

/** Opens the lake that SLUICE_LAKE names. */
export async function openBenchLake(): Promise<BenchLake> {
  const never = new AbortController().signal;
  const configuration = readConfiguration(process.env);
  const log: Log = stderrLog('warn');
  const terminal = {
    environment: process.env,
    workingFolder: process.cwd(),
    print: console.log,
    stop: { soft: never, hard: never },
    logOf: () => log,
  };
  limitYoungGeneration(16 * MiB);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  const { openDatabase, scratch, bodyBytesMax, runId, clock } = lake;
  const tools = { openDatabase, scratch, bodyBytesMax, runId, clock, log, fence: 1 };
  return { configuration, lake, tools, never };
}
