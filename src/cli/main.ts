import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { isAbort, toSluiceError } from '../base/errors.ts';
import type { Environment } from './configuration.ts';
import { readConfiguration } from './configuration.ts';
import { runCommandLine } from './program.ts';
import { listenForStop, stderrLog, type Terminal } from './terminal.ts';

/** The whole process: reads the environment, runs the command, ends with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader such as `head` that has enough is no failure of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 70));
  }
  // The DuckDB driver prints instants in the process's zone, and everything here is UTC.
  process.env['TZ'] = 'UTC';
  const workingFolder = process.cwd();
  const environment = readEnvironment(process.env, workingFolder);
  let log = stderrLog(logLevel(environment));
  const terminal: Terminal = {
    environment,
    workingFolder,
    print: (text) => void process.stdout.write(text),
    stop: listenForStop(() => log),
    logOf: (configuration) => (log = stderrLog(configuration.logLevel)),
  };
  let exitCode: number;
  try {
    exitCode = await runCommandLine(args, terminal);
  } catch (thrown) {
    if (isAbort(thrown) && terminal.stop.soft.aborted) process.exit(0);
    const error = toSluiceError(thrown);
    const { code, retryable, context } = error;
    log.error(error.message, { code, exitCode: error.exitCode, retryable, ...context });
    if (code === 'internal') log.debug(error.stack ?? '', { cause: String((error.cause as Error)?.stack ?? '') });
    exitCode = error.exitCode;
  }
  // Sockets of clients that close slowly must not hold a finished run.
  process.exit(exitCode);
}

/** `.env` of the working folder fills in what the environment does not say. */
function readEnvironment(environment: Environment, folder: string): Environment {
  try {
    return { ...parseEnv(readFileSync(path.join(folder, '.env'), 'utf8')), ...environment };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return environment;
    throw error;
  }
}

/** The log has to be there before the settings are known to be right. */
function logLevel(environment: Environment): 'debug' | 'info' | 'warn' {
  try {
    return readConfiguration({ SLUICE_LOG: environment['SLUICE_LOG'] }).logLevel as 'debug' | 'info' | 'warn';
  } catch {
    return 'info';
  }
}
