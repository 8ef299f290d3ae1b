import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { run } from './child.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** What the reference runs on: a Python with PySpark, and the jars of Delta and the Event Hubs connector. */
export interface SparkEnvironment {
  readonly python: string;
  readonly jars: string;
}

const LOCAL = fileURLToPath(new URL('../../deploy/databricks/local/', import.meta.url));

/** Made once from pinned versions and kept outside the tree, under a name that changes with the pins. */
export async function sparkEnvironment(
  cacheFolder: string,
  variables: Variables,
  log: Log,
  signal: AbortSignal,
): Promise<SparkEnvironment> {
  const use = { variables, log, signal };
  const version = await versionOf('python3', ['--version'], use);
  await versionOf('java', ['-version'], use);
  const requirements = path.join(LOCAL, 'requirements.txt');
  const venv = path.join(cacheFolder, 'spark-venv', hashOf(version, readFileSync(requirements, 'utf8')));
  await once(venv, async (folder) => {
    log.info('making the Python environment of the reference', { folder: venv });
    await must('python3', ['-m', 'venv', folder], use);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
    await must(path.join(folder, 'bin', 'python'), pip, use);
  });
  const checksums = readFileSync(path.join(LOCAL, 'jars.sha256'), 'utf8');
  const jars = path.join(cacheFolder, 'spark-jars', hashOf(checksums));
  await once(jars, async (folder) => {
    log.info('fetching the jars of the reference', { folder: jars });
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    await must(
      'mvn',
      ['--batch-mode', '--quiet', '-f', path.join(LOCAL, 'pom.xml'), plugin, `-DoutputDirectory=${folder}`],
      use,
    );
    checkJars(folder, checksums);
  });
  return { python: path.join(venv, 'bin', 'python'), jars };
}

interface Use {
  readonly variables: Variables;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Under another name first: what is there under its own name is whole. */
async function once(folder: string, make: (folder: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(path.dirname(folder), { recursive: true });
  const making = `${folder}.${process.pid}`;
  try {
    await make(making);
    await rename(making, folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Exactly the files that are listed, byte for byte. Throws `configuration`. */
export function checkJars(folder: string, checksums: string): void {
  const wanted = checksums.trim().split('\n').toSorted();
  const found = readdirSync(folder).map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(path.join(folder, name)))
      .digest('hex');
    return `${sum}  ${name}`;
  });
  const odd = [...wanted.filter((line) => !found.includes(line)), ...found.filter((line) => !wanted.includes(line))];
  if (odd.length === 0) return;
  throw new SluiceError('configuration', `the jars are not those of jars.sha256: ${odd.join(', ')}`);
}

async function versionOf(command: string, args: readonly string[], use: Use): Promise<string> {
  const { stdout, stderr } = await must(command, args, use);
  return `${stdout}${stderr}`.trim();
}

async function must(command: string, args: readonly string[], { variables, signal }: Use) {
  const needs = 'the comparison needs python3 with venv, Java 17 and, the first time, mvn';
  const result = await run(command, args, { environment: variables }, signal).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new SluiceError('configuration', `${command} cannot be run (${(cause as Error).message}): ${needs}`, {
      cause,
    });
  });
  if (result.exitCode === 0) return result;
  const said = result.stderr.trim().split('\n').slice(-3).join(' ');
  throw new SluiceError('configuration', `${command} ${args[0]} ended with ${result.exitCode} (${said}): ${needs}`);
}

function hashOf(...texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 16);
}
