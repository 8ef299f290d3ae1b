import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { isAbort, SluiceError, toSluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { interruptStatements } from '../duckdb/duckdb.ts';
import type { Environment } from './configuration.ts';
import { readConfiguration } from './configuration.ts';
import { runCommandLine } from './program.ts';
import { listenForStop, stderrLog, type Terminal } from './terminal.ts';

/** The whole process: reads the environment, runs the command, ends with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  let log = stderrLog('info');
  process.on('uncaughtException', (error) => process.exit(failed(error, log)));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  const stop = listenForStop(() => log, interruptStatements);
  let exitCode: number;
  try {
    const environment = readEnvironment(process.env, process.cwd());
    log = stderrLog(logLevel(environment));
    const terminal: Terminal = {
      environment,
      workingFolder: process.cwd(),
      print: (text) => void process.stdout.write(text),
      stop,
      logOf: (configuration) => (log = stderrLog(configuration.logLevel)),
    };
    exitCode = await runCommandLine(args, terminal);
  } catch (thrown) {
    exitCode = isAbort(thrown) && stop.soft.aborted ? 0 : failed(thrown, log);
  }
  // Sockets of clients that close slowly must not hold a finished run; what is still to be read by a pipe must.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(exitCode);
}

/** A reader such as `head` that has enough is no failure of ours: the work goes on, and its exit code stands. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => void stream.write('', () => resolve()));
}

/** Says what failed, in one line. */
function failed(thrown: unknown, log: Log): number {
  const error = toSluiceError(thrown);
  const { code, exitCode, retryable, context } = error;
  log.error(error.message, { code, exitCode, retryable, ...context });
  if (code === 'internal') log.debug(error.stack ?? '', { cause: String((error.cause as Error)?.stack ?? '') });
  return exitCode;
}

/** `.env` of the working folder fills in what the environment does not say. */
function readEnvironment(environment: Environment, folder: string): Environment {
  const file = path.join(folder, '.env');
  try {
    return { ...parseEnv(readFileSync(file, 'utf8')), ...environment };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return environment;
    throw new SluiceError('configuration', `${file} cannot be read (${(cause as Error).message})`, { cause });
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
