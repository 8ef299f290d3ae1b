import { mkdir } from 'node:fs/promises';
import path from 'node:path';

/** Step by step: Node's own recursive mkdir never ends where a file system takes no directories (/proc, for one). */
export async function makeFolder(folder: string): Promise<void> {
  if (await madeOne(folder)) return;
  await makeFolder(path.dirname(folder));
  if (!(await madeOne(folder))) throw new Error(`no folder can be made at ${folder}`);
}

/** False where its parent is missing. */
async function madeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT' && path.dirname(folder) !== folder) return false;
    throw error;
  }
}
