#!/usr/bin/env node
// Plain JavaScript, because it must start on any Node from 20 on and below node_modules, where Node strips no types.
// It finds a Node that runs TypeScript as it is, and hands over to src/cli/main.ts, or to what `npm run build` made of
// it: in this process where it can, in a child with the `node` package's binary where it must, passing signals and the
// exit code on.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NODE_MAJOR_MIN = 24;
const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

if (runsTypeScript()) await runHere();
else runInChild();

function runsTypeScript() {
  return Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN && process.features.typescript === 'strip';
}

async function runHere() {
  silenceExperimentalWarnings();
  endWithLauncher();
  module.enableCompileCache?.();
  if (packageFolder.split(/[\\/]/).includes('node_modules')) stripTypesBelowNodeModules();
  const { main } = await import(pathToFileURL(mainFile()).href);
  await main(process.argv.slice(2));
}

/** The bundle where there is one. In a clone it may be older than a source file: then it says what no longer holds. */
function mainFile() {
  const bundle = join(packageFolder, 'dist/sluice.js');
  const source = join(packageFolder, 'src/cli/main.ts');
  if (!existsSync(bundle)) return source;
  // The package as it is installed comes without this file.
  const isClone = existsSync(join(packageFolder, 'tsconfig.json'));
  return isClone && newestMs('src', 'schemas', 'package-lock.json') > statSync(bundle).mtimeMs ? source : bundle;
}

function newestMs(...names) {
  const files = names.flatMap((name) => {
    const path = join(packageFolder, name);
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path, { recursive: true }).map((below) => join(path, below));
  });
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

/** What is experimental here is pinned by package-lock.json: the warning tells a user nothing. */
function silenceExperimentalWarnings() {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' ? rest[0]?.type : rest[0];
    if (type !== 'ExperimentalWarning') emitWarning(warning, ...rest);
  };
}

/** A launcher that was killed hard passes no signal on: its child must not work on alone. */
function endWithLauncher() {
  if (process.env.SLUICE_LAUNCHED !== '1' || process.channel === undefined) return;
  delete process.env.SLUICE_LAUNCHED;
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel.unref();
}

/** Node strips no types below node_modules; ours are erasable, so the same stripping is safe there. */
function stripTypesBelowNodeModules() {
  const own = pathToFileURL(`${packageFolder}/`).href;
  module.registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(own) || !url.endsWith('.ts')) return nextLoad(url, context);
      const source = module.stripTypeScriptTypes(readFileSync(new URL(url), 'utf8'));
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

function runInChild() {
  const child = spawn(nodeBinary(), [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, SLUICE_LAUNCHED: '1' },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`the node package's binary does not start: ${error.message}`));
  child.once('exit', (code, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal === null) process.exit(code);
    process.kill(process.pid, signal);
  });
}

function nodeBinary() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json');
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    const found = `this is Node ${process.versions.node}, Sluice needs ${NODE_MAJOR_MIN}`;
    return fail(`${found}, and the node package is not installed: run npm ci`);
  }
}

function fail(message) {
  process.stderr.write(`sluice: ${message}\n`);
  process.exit(70);
}
