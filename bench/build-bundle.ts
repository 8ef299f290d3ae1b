import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** `npm run build`. The command is measured as the container and whoever installs the package have it: bundled. */
export async function buildBundle(): Promise<void> {
  await promisify(execFile)(process.execPath, [fileURLToPath(new URL('../build/bundle.ts', import.meta.url))]);
}
