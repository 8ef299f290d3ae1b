import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sample } from './statistics.ts';

export interface MeasuredRun {
  /** wall_s, cpu_s (user + system of this process alone), peak_rss_mib. */
  readonly sample: Sample;
  readonly stdout: string;
}

/** How a measured process is run. */
export interface Measuring {
  /** Processors it may use (Linux): 1, 2, …; undefined: all. */
  readonly cores?: number | undefined;
  /** Folder that gets a CPU profile of every measured process. */
  readonly profileFolder?: string | undefined;
}

const preload = new URL('report-usage.js', import.meta.url).href;

/**
 * Runs a Node command as a whole process, from start to exit. CPU and memory are the process's own account at its
 * exit (getrusage), so neither the hub nor this harness counts. Throws with its stderr where it fails.
 */
export async function runMeasured(
  args: readonly string[],
  env: Record<string, string>,
  measuring: Measuring = {},
): Promise<MeasuredRun> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const usageFile = join(folder, 'usage.json');
  try {
    const started = performance.now();
    const [program = '', ...rest] = commandLine(args, measuring);
    const child = spawn(program, rest, {
      env: { ...process.env, ...env, SLUICE_BENCH_USAGE: usageFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
    const wallSeconds = (performance.now() - started) / 1000;
    if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}:\n${stderr.slice(-2000)}`);
    const usage = JSON.parse(readFileSync(usageFile, 'utf8')) as { cpuSeconds: number; peakRssMiB: number };
    return { stdout, sample: { wall_s: wallSeconds, cpu_s: usage.cpuSeconds, peak_rss_mib: usage.peakRssMiB } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function commandLine(args: readonly string[], { cores, profileFolder }: Measuring): string[] {
  const pinned = cores === undefined ? [] : ['taskset', '-c', cores === 1 ? '0' : `0-${cores - 1}`];
  const profiled = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  return [...pinned, process.execPath, ...profiled, '--import', preload, ...args];
}
