import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Receipt } from '../../src/report/report.ts';
import { fillHub } from './fill-hub.ts';
import { sluice, startLocalHub, temporaryFolder } from './sluice-process.ts';

export interface DrainShape {
  /** Events waiting in each partition. */
  readonly counts: readonly number[];
  readonly bodyBytes?: number;
  readonly blank?: boolean;
  /** SLUICE_MEMORY. */
  readonly memory: string;
  readonly to?: 'bronze' | 'silver' | 'gold';
}

export interface MeasuredDrain {
  readonly receipt: Receipt;
  /** Of the run's process alone, by its own account at its very end. */
  readonly peakRssBytes: number;
  readonly cpuSeconds: number;
}

const HUB = 'call_legs';
const REPORT_USAGE = new URL('../../bench/report-usage.js', import.meta.url).href;

/** What a command has printed as JSON, and the peak of its process. */
export interface MeasuredCommand {
  readonly printed: Readonly<Record<string, unknown>>;
  readonly peakRssBytes: number;
}

/** One `ingest-once` in a process of its own over a full hub in another; a run that fails throws with its stderr. */
export function measureDrain(shape: DrainShape): Promise<MeasuredDrain> {
  return withDrain(shape, async (drain) => drain);
}

/** The same, and then another command over the lake that it left, within the same memory. */
export function measureAfterDrain(shape: DrainShape, command: readonly string[]): Promise<MeasuredCommand> {
  return withDrain(shape, async (_, measure) => {
    const { stdout, usage } = await measure(command);
    return { printed: JSON.parse(stdout) as MeasuredCommand['printed'], peakRssBytes: usage.peakRssMiB * 2 ** 20 };
  });
}

type Measure = (command: readonly string[]) => Promise<{ stdout: string; usage: Usage }>;

interface Usage {
  readonly cpuSeconds: number;
  readonly peakRssMiB: number;
}

async function withDrain<T>(
  { counts, bodyBytes, blank = false, memory, to = 'bronze' }: DrainShape,
  use: (drain: MeasuredDrain, measure: Measure) => Promise<T>,
): Promise<T> {
  const { folder, remove } = temporaryFolder();
  try {
    fillHub(path.join(folder, 'hub'), { name: HUB, counts, blank, ...(bodyBytes !== undefined && { bodyBytes }) });
    const hub = await startLocalHub(folder, ['--partitions', String(counts.length)]);
    try {
      const measure = measureIn(folder, hub.connectionString, memory);
      const { stdout, usage } = await measure(['ingest-once', '--to', to, '--hub', HUB]);
      const { cpuSeconds, peakRssMiB } = usage;
      return await use(
        { receipt: JSON.parse(stdout) as Receipt, peakRssBytes: peakRssMiB * 2 ** 20, cpuSeconds },
        measure,
      );
    } finally {
      await hub.stop();
    }
  } finally {
    remove();
  }
}

function measureIn(folder: string, connectionString: string, memory: string): Measure {
  return async (command) => {
    const usageFile = path.join(folder, `usage-${command[0]}.json`);
    const settings = {
      NODE_OPTIONS: `--import ${REPORT_USAGE}`,
      SLUICE_BENCH_USAGE: usageFile,
      SLUICE_EVENTHUBS: connectionString,
      SLUICE_LAKE: path.join(folder, 'lake'),
      SLUICE_SCRATCH: path.join(folder, 'scratch'),
      SLUICE_MEMORY: memory,
    };
    const { exitCode, stdout, stderr } = await sluice([...command, '--json'], { folder, settings });
    if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr.slice(-4000)}${stdout.slice(-4000)}`);
    return { stdout, usage: JSON.parse(readFileSync(usageFile, 'utf8')) as Usage };
  };
}
