import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall clock from start to exit. */
  readonly seconds: number;
}

/** What is kept of each stream of a child, from its end. */
const OUTPUT_MAX = 1_000_000;

/** Runs a program to its end. An aborted signal ends it, and the call rejects with the signal's reason. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly folder?: string; readonly environment: Readonly<Record<string, string | undefined>> },
  signal: AbortSignal,
): Promise<Finished> {
  signal.throwIfAborted();
  const from = performance.now();
  const child = spawn(command, args, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => void (output[name] = `${output[name]}${text}`.slice(-OUTPUT_MAX)));
  }
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [exitCode] = await once(child, 'close');
    signal.throwIfAborted();
    return { exitCode: exitCode as number | null, ...output, seconds: (performance.now() - from) / 1000 };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
