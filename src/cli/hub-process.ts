import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface HubProcess {
  readonly connectionString: string;
  /** Ends the child, by force where it does not end by itself. */
  stop(): Promise<void>;
}

const limits = { startMsMax: 30_000, stopMsMax: 5000 } as const;

export const LAUNCHER = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

/**
 * The local hub as a child process on free ports. It ends with us however we end: it is stopped, killed when we exit,
 * and ends by itself when the channel to us closes.
 */
export async function spawnHub(
  dataFolder: string,
  log: Log,
  signal: AbortSignal,
  tlsPort = 'off',
): Promise<HubProcess> {
  const ports = ['--port', '0', '--tls-port', tlsPort, '--health-port', 'off'];
  const child = spawn(process.execPath, [LAUNCHER, 'hub', ...ports, '--data', dataFolder], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, SLUICE_LAUNCHED: '1', SLUICE_LOG: 'warn' },
    // A session of its own: Ctrl-C reaches us, and the hub goes on until we have read what we need.
    detached: true,
  });
  child.unref();
  child.channel?.unref();
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const stop = async (): Promise<void> => {
    await ended(child);
    process.removeListener('exit', kill);
  };
  try {
    return { connectionString: await connectionStringOf(child, log, signal), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.ref();
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), limits.stopMsMax);
  await exited;
  clearTimeout(force);
}

function connectionStringOf(child: ChildProcess, log: Log, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  let complaints = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const found = /Endpoint=[^\s]+/.exec(output)?.[0];
    if (found !== undefined && output.includes('\n')) resolve(found);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
    log.debug('the local hub says', { text: chunk.toString().trim() });
  });
  const fail = (why: string): void => {
    const message = `the local Event Hubs ${why}: ${saidBy(complaints)}`;
    reject(new SluiceError('eventhubs_unavailable', message));
  };
  const timer = setTimeout(() => fail(`is not up after ${limits.startMsMax} ms`), limits.startMsMax);
  child.once('exit', (code) => fail(`ended with exit code ${code}`));
  child.once('error', (error) => fail(error.message));
  const stopped = (): void => reject(new DOMException('stopped', 'AbortError'));
  if (signal.aborted) stopped();
  signal.addEventListener('abort', stopped, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stopped);
  });
}

/** The message of its last log line. */
function saidBy(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  try {
    return (JSON.parse(line) as { message: string }).message;
  } catch {
    return line === '' ? 'it said nothing' : line;
  }
}
