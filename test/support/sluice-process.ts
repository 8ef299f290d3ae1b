import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const LAUNCHER = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface SluiceProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Starts a command as a user would. It sees none of the settings of whoever runs the tests. */
export function startSluice(
  args: readonly string[],
  options: { readonly folder: string; readonly settings?: Readonly<Record<string, string>> },
): SluiceProcess {
  const own = Object.entries(process.env).filter(([name]) => !/^(SLUICE_|AZURE_|NODE_OPTIONS|VITEST)/.test(name));
  const started = performance.now();
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: options.folder,
    env: { ...Object.fromEntries(own), ...options.settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  const finished = once(child, 'close').then(([exitCode]) => {
    return { exitCode: exitCode as number | null, stdout, stderr, seconds: (performance.now() - started) / 1000 };
  });
  return { child, finished };
}

export function sluice(
  args: readonly string[],
  options: { readonly folder: string; readonly settings?: Readonly<Record<string, string>> },
): Promise<Finished> {
  return startSluice(args, options).finished;
}

export interface LocalHub {
  readonly connectionString: string;
  readonly child: ChildProcess;
  stop(): Promise<Finished>;
}

/** `sluice hub` on free ports; up when its connection string is out. */
export async function startLocalHub(folder: string, flags: readonly string[] = []): Promise<LocalHub> {
  const ports = ['--port', '0', '--tls-port', 'off', '--health-port', 'off'];
  const { child, finished } = startSluice(['hub', ...ports, '--data', path.join(folder, 'hub'), ...flags], { folder });
  const connectionString = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(/Endpoint=[^ \n]+/.exec(text)?.[0] ?? text);
    });
    void finished.then(({ stderr }) => reject(new Error(`the hub ended: ${stderr}`)));
  });
  return {
    connectionString,
    child,
    stop() {
      child.kill('SIGTERM');
      return finished;
    },
  };
}

export function temporaryFolder(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-flow-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** The error of a command that failed: its one log line of that level. */
export function errorOf({ stderr }: Finished): { message: string; code: string } {
  const lines = stderr.split('\n').filter((line) => line.includes('"level":"error"'));
  if (lines.length !== 1) throw new Error(`one error line is expected: ${stderr}`);
  return JSON.parse(lines[0] ?? '') as { message: string; code: string };
}

/** Rows of a statement, by `sluice sql`. */
export async function query(
  statement: string,
  options: { readonly folder: string; readonly settings?: Readonly<Record<string, string>> },
): Promise<Record<string, unknown>[]> {
  const result = await sluice(['sql', statement, '--format', 'json'], options);
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as Record<string, unknown>[];
}
