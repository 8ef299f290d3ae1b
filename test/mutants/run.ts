import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { repositoryFiles, root } from '../support/source-tree.ts';

/**
 * Breaks the engine on purpose, one line at a time, and expects to be caught: `npm run test:mutants -- [NAME…]`.
 * A mutant is a patch in this folder whose head says why, and after `# caught-by:` the command that must fail with it.
 * Each command is run on the unbroken tree first, where it must pass. All happens in a copy. Ends non-zero where a
 * mutant survives or a patch no longer applies.
 */
interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly command: string;
}

const COMMAND_MS_MAX = 600_000;
const folder = import.meta.dirname;
const wanted = process.argv.slice(2);

const mutants = readdirSync(folder)
  .filter((file) => file.endsWith('.patch'))
  .map((file): Mutant => {
    const path = join(folder, file);
    const command = /^# caught-by: (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    if (command === undefined) throw new Error(`${file} has no line "# caught-by: COMMAND"`);
    return { name: file.slice(0, -'.patch'.length), file: path, command };
  })
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

const copy = mkdtempSync(join(tmpdir(), 'sluice-mutants-'));
try {
  copyTree();
  const sound = new Map([...new Set(mutants.map(({ command }) => command))].map((command) => [command, run(command)]));
  const verdicts = mutants.map((mutant) => verdictOf(mutant, sound.get(mutant.command)?.passed ?? false));
  const survived = verdicts.filter((verdict) => verdict !== 'caught').length;
  console.log(`${mutants.length} mutants, ${mutants.length - survived} caught`);
  if (survived > 0 || mutants.length === 0) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function copyTree(): void {
  for (const file of repositoryFiles()) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
}

function verdictOf({ name, file, command }: Mutant, isSound: boolean): string {
  const verdict = ((): string => {
    if (!isSound) return 'fails unbroken';
    if (!patch(file)) return 'does not apply';
    try {
      const { passed, seconds, invariant } = run(command);
      return passed ? 'SURVIVED' : `caught in ${seconds.toFixed(0)} s${invariant}`;
    } finally {
      patch(file, '--reverse');
    }
  })();
  console.log(`${name.padEnd(30)} ${verdict.padEnd(28)} ${command}`);
  return verdict.startsWith('caught') ? 'caught' : verdict;
}

function patch(file: string, ...flags: string[]): boolean {
  try {
    // The copy is no repository: git then takes paths from where it stands.
    const environment = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) };
    execFileSync('git', ['apply', ...flags, file], { cwd: copy, env: environment, stdio: 'pipe' });
    return true;
  } catch (error) {
    console.log(String((error as { stderr?: Buffer }).stderr ?? error));
    return false;
  }
}

function run(command: string): { passed: boolean; seconds: number; invariant: string } {
  const startedMs = performance.now();
  const path = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const [program = '', ...args] = command.split(' ');
  const result = spawnSync(program, args, {
    cwd: copy,
    env: { ...process.env, PATH: path, CI: '1' },
    encoding: 'utf8',
    timeout: COMMAND_MS_MAX,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  });
  if (result.error !== undefined && result.status === null && result.signal === null) throw result.error;
  const invariant = /\[I\d+\] [a-z]/.exec(`${result.stdout}${result.stderr}`)?.[0].slice(0, -2) ?? '';
  const seconds = (performance.now() - startedMs) / 1000;
  return { passed: result.status === 0, seconds, invariant: invariant === '' ? '' : ` by ${invariant}` };
}
