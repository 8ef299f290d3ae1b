import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm, rmdir, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import { formatSize } from '../report/report.ts';
import { makeFolder } from '../storage/scratch.ts';
import type { Configuration } from './configuration.ts';
import type { Says } from './finding.ts';

const limits = {
  nodeMajorMin: 24,
  /** Written to measure the scratch disk. */
  trialBytes: 32 * MiB,
  /** A run waits for a disk that is slower. */
  bytesASecondMin: 20 * MiB,
} as const;

export function checkNode(): Says {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= limits.nodeMajorMin) return `Node ${node}`;
  throw new SluiceError('configuration', `this is Node ${node}, Sluice needs ${limits.nodeMajorMin}: run npm ci`);
}

/** The budget is of the process: what the machine has beside it is for whoever else runs there. */
export function checkMemory({ memoryBytesMax, threads }: Configuration): Says {
  const budget = `${formatSize(memoryBytesMax)} for a run, ${threads} DuckDB threads`;
  if (memoryBytesMax <= totalmem()) return budget;
  const had = formatSize(totalmem());
  return { warning: `SLUICE_MEMORY allows ${formatSize(memoryBytesMax)}, the machine has ${had}: lower it` };
}

/** Writes a file and takes it away again: the space, and how fast it is. */
export async function checkScratch({ scratch }: Configuration, signal: AbortSignal): Promise<Says> {
  const { folder, bytesMax } = scratch;
  const made = firstAbsent(folder);
  const file = path.join(folder, `doctor-${randomUUID()}`);
  try {
    await makeFolder(folder);
    const bytesASecond = await writeSpeed(file, signal);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const found = `${folder}: ${formatSize(free)} free, written at ${formatSize(bytesASecond)}/s`;
    if (free < bytesMax) {
      const warning = `${found}; SLUICE_SCRATCH allows ${formatSize(bytesMax)}: lower it, or name another folder`;
      return { warning };
    }
    return bytesASecond < limits.bytesASecondMin ? { warning: `${found}, which is slow: name a local disk` } : found;
  } catch (cause) {
    signal.throwIfAborted();
    const why = `${folder} cannot be written (${(cause as Error).message}): name another folder`;
    throw new SluiceError('configuration', `SLUICE_SCRATCH: ${why}`, { cause });
  } finally {
    await rm(file, { force: true });
    if (made !== undefined) await removeEmpty(folder, made);
  }
}

async function writeSpeed(file: string, signal: AbortSignal): Promise<number> {
  const chunk = Buffer.alloc(MiB, 'sluice');
  const startedMs = performance.now();
  const handle = await open(file, 'wx');
  try {
    for (let written = 0; written < limits.trialBytes; written += chunk.length) {
      signal.throwIfAborted();
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return limits.trialBytes / ((performance.now() - startedMs) / 1000);
}

/** Takes folders away again that were made for a trial, from the inner to the outer one; never one that is in use. */
export async function removeEmpty(inner: string, outermost: string): Promise<void> {
  for (let folder = inner; folder.startsWith(outermost); folder = path.dirname(folder)) {
    const gone = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!gone) return;
  }
}

/** The outermost of the folders that are not there yet. */
export function firstAbsent(folder: string): string | undefined {
  if (existsSync(folder)) return undefined;
  return firstAbsent(path.dirname(folder)) ?? folder;
}
