import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../base/errors.ts';

/**
 * Two hubs on one folder would overwrite each other's events. The file names the process that holds the folder; one
 * that is gone (or whose number is ours: a container restarted) holds nothing.
 */
export function lockFolder(dataFolder: string): () => void {
  const path = join(dataFolder, 'hub.pid');
  try {
    mkdirSync(dataFolder, { recursive: true });
    const holder = readHolder(path);
    if (holder !== undefined && holder !== process.pid && isAlive(holder)) {
      throw new SluiceError(
        'configuration',
        `the data folder ${dataFolder} is used by another local hub (process ${holder}, named in ${path}): stop it, ` +
          'or give another folder',
      );
    }
    writeFileSync(path, String(process.pid));
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('configuration', `the data folder ${dataFolder} of the hub cannot be written: ${reason}`, {
      cause: error,
    });
  }
  return () => rmSync(path, { force: true });
}

function readHolder(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
