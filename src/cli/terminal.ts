import type { Log } from '../base/log.ts';
import { createLog } from '../base/log.ts';
import type { Configuration, Environment } from './configuration.ts';

/** What a command has of the process it runs in. Results go to `print`, everything else to the log. */
export interface Terminal {
  /** The environment with what `.env` adds. */
  readonly environment: Environment;
  readonly workingFolder: string;
  readonly print: (text: string) => void;
  readonly stop: StopSignals;
  /** Nothing before it was asked for: a wrong SLUICE_LOG is then a wrong setting like others. */
  readonly logOf: (configuration: Pick<Configuration, 'logLevel'>) => Log;
}

export interface StopSignals {
  /** Aborted by the first SIGINT or SIGTERM: finish what is begun, commit it, and end. */
  readonly soft: AbortSignal;
  /** Aborted when the process is to end at once. */
  readonly hard: AbortSignal;
}

/** A log on stderr: text for a person, JSON lines for what collects them. */
export function stderrLog(level: Configuration['logLevel']): Log {
  return createLog({
    level,
    format: process.stderr.isTTY ? 'text' : 'json',
    write: (line) => void process.stderr.write(line),
    now: () => Date.now(),
  });
}

const limits = {
  /** One key press may reach us twice, from the terminal and through npm: signals this near count once. */
  sameSignalMs: 250,
  /** Statements that run are looked at this often while the process waits for them to break off. */
  busyCheckMs: 20,
  /** A statement that does not break off by then is not waited for. */
  busyMsMax: 800,
} as const;

/**
 * The first signal is a soft stop, the second ends the process as the shell expects of one that was killed. An exit
 * in the middle of a native statement waits for it: `interrupt` stops those that run, and gives their number.
 */
export function listenForStop(log: () => Log, interrupt: () => number): StopSignals {
  const soft = new AbortController();
  const hard = new AbortController();
  let firstAtMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const now = performance.now();
      if (firstAtMs === undefined) {
        firstAtMs = now;
        log().info('stopping: what is read will be committed; a second signal ends at once', { signal: name });
        soft.abort();
      } else if (now - firstAtMs > limits.sameSignalMs && !hard.signal.aborted) {
        hard.abort();
        endNow(name, interrupt, now + limits.busyMsMax);
      }
    });
  }
  return { soft: soft.signal, hard: hard.signal };
}

function endNow(name: 'SIGINT' | 'SIGTERM', interrupt: () => number, lateAtMs: number): void {
  const exitCode = 128 + { SIGINT: 2, SIGTERM: 15 }[name];
  if (interrupt() === 0) process.exit(exitCode);
  if (performance.now() < lateAtMs) {
    setTimeout(() => endNow(name, interrupt, lateAtMs), limits.busyCheckMs);
    return;
  }
  // The signal itself waits for nothing; only the first process of a container is deaf to it.
  process.removeAllListeners(name);
  process.kill(process.pid, name);
  process.exit(exitCode);
}
