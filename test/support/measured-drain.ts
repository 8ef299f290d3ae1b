import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Receipt } from '../../src/report/report.ts';
import { fillHub } from './fill-hub.ts';
import { sluice, startLocalHub, temporaryFolder } from './sluice-process.ts';

export interface DrainShape {
  /** Events waiting in each partition. */
  readonly counts: readonly number[];
  readonly bodyBytes?: number;
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

/** One `ingest-once` in a process of its own over a full hub in another; a run that fails throws with its stderr. */
export async function measureDrain({ counts, bodyBytes, memory, to = 'bronze' }: DrainShape): Promise<MeasuredDrain> {
  const { folder, remove } = temporaryFolder();
  try {
    fillHub(path.join(folder, 'hub'), { name: HUB, counts, ...(bodyBytes !== undefined && { bodyBytes }) });
    const hub = await startLocalHub(folder, ['--partitions', String(counts.length)]);
    try {
      const usageFile = path.join(folder, 'usage.json');
      const settings = {
        NODE_OPTIONS: `--import ${REPORT_USAGE}`,
        SLUICE_BENCH_USAGE: usageFile,
        SLUICE_EVENTHUBS: hub.connectionString,
        SLUICE_LAKE: path.join(folder, 'lake'),
        SLUICE_SCRATCH: path.join(folder, 'scratch'),
        SLUICE_MEMORY: memory,
      };
      const finished = await sluice(['ingest-once', '--to', to, '--hub', HUB, '--json'], { folder, settings });
      if (finished.exitCode !== 0)
        throw new Error(`exit ${finished.exitCode}: ${finished.stderr.slice(-4000)}${finished.stdout.slice(-4000)}`);
      const usage = JSON.parse(readFileSync(usageFile, 'utf8')) as { cpuSeconds: number; peakRssMiB: number };
      return {
        receipt: JSON.parse(finished.stdout) as Receipt,
        peakRssBytes: usage.peakRssMiB * 2 ** 20,
        cpuSeconds: usage.cpuSeconds,
      };
    } finally {
      await hub.stop();
    }
  } finally {
    remove();
  }
}
