import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LAUNCHER, temporaryFolder } from '../support/sluice-process.ts';

let home: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  home = temporaryFolder();
  for (const folder of ['bin', 'src/cli', 'schemas', 'dist']) {
    mkdirSync(path.join(home.folder, folder), { recursive: true });
  }
  copyFileSync(LAUNCHER, path.join(home.folder, 'bin/sluice.js'));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) write(name, '{"type":"module"}');
  for (const name of ['src/cli/main.ts', 'dist/sluice.js']) {
    write(name, `export const main = (args) => console.log('${name}', args.join());`);
  }
});
afterEach(() => home.remove());

function write(name: string, text: string): void {
  writeFileSync(path.join(home.folder, name), text);
}

function remove(name: string): void {
  rmSync(path.join(home.folder, name), { recursive: true });
}

function changedSecondsAgo(name: string, seconds: number): void {
  const at = Date.now() / 1000 - seconds;
  utimesSync(path.join(home.folder, name), at, at);
}

const started = (): string =>
  execFileSync(process.execPath, [path.join(home.folder, 'bin/sluice.js'), 'a'], { encoding: 'utf8' }).trim();

test('a bundle is what runs', () => {
  changedSecondsAgo('dist/sluice.js', -60);
  expect(started()).toBe('dist/sluice.js a');
});

test('without a bundle the sources run as they are', () => {
  remove('dist');
  expect(started()).toBe('src/cli/main.ts a');
});

test('a bundle that is older than a source is passed over in a clone, and never in a package', () => {
  changedSecondsAgo('dist/sluice.js', 60);
  expect(started()).toBe('src/cli/main.ts a');
  remove('tsconfig.json');
  expect(started()).toBe('dist/sluice.js a');
});
