import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../src/base/errors.ts';
import { reachable, references, repositoryFiles, root, textOf } from './support/source-tree.ts';

const files = repositoryFiles();
const sources = files.filter((file) => /^(src|schemas|bin)\/.*\.(ts|js|sql)$/.test(file));
const code = files.filter((file) => /\.(ts|js|mjs|sql|py|sh)$/.test(file));
const testFiles = files.filter((file) => /^test\/.*\.ts$/.test(file));

/** For each room: the rooms it may enter. The lint rule says the same with the reason in its message. */
const MAY_ENTER: Readonly<Record<string, readonly string[]>> = {
  base: [],
  storage: [],
  eventhubs: [],
  duckdb: [],
  parquet: [],
  hub: [],
  delta: ['storage', 'duckdb', 'parquet'],
  keys: ['storage', 'duckdb', 'parquet', 'delta'],
  producer: ['eventhubs'],
  bronze: ['storage', 'eventhubs', 'duckdb', 'parquet', 'delta'],
  silver: ['storage', 'duckdb', 'parquet', 'delta', 'keys'],
  gold: ['storage', 'duckdb', 'delta', 'keys'],
  report: ['storage', 'duckdb', 'delta', 'bronze', 'silver', 'gold'],
  compare: ['storage', 'eventhubs', 'duckdb', 'delta', 'producer'],
  cli: [
    'storage',
    'eventhubs',
    'duckdb',
    'delta',
    'keys',
    'producer',
    'bronze',
    'silver',
    'gold',
    'report',
    'hub',
    'compare',
  ],
};
/** Files that are doors beside the one named like the room. */
const FURTHER_DOORS = new Set(['src/storage/scratch.ts', 'src/storage/open-store.ts', 'src/storage/lease.ts']);

const roomOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

describe('one way', () => {
  const crossings = sources.flatMap((file) =>
    references(file)
      .map((target) => ({ file, target, from: roomOf(file), to: roomOf(target) }))
      .filter(({ from, to }) => to !== undefined && to !== 'base' && from !== to),
  );

  test('no room enters one that stands beside or above it', () => {
    const wrong = crossings.filter(
      ({ file, from, to }) =>
        file !== 'src/pipeline.ts' && from !== undefined && !(MAY_ENTER[from] ?? []).includes(to ?? ''),
    );
    expect(wrong).toEqual([]);
    expect(Object.keys(MAY_ENTER).toSorted()).toEqual([...new Set(sources.flatMap((f) => roomOf(f) ?? []))].toSorted());
  });

  test('a room is entered through its door', () => {
    const isDoor = (target: string, to: string | undefined): boolean =>
      target === `src/${to}/${to}.ts` || FURTHER_DOORS.has(target) || target.endsWith('.sql');
    expect(crossings.filter(({ target, to }) => !isDoor(target, to))).toEqual([]);
  });

  test('contracts lean on no room but base, and base on nothing', () => {
    const leans = sources
      .filter((file) => file.startsWith('schemas/') || file.startsWith('src/base/'))
      .flatMap((file) => references(file).map((target) => ({ file, target })))
      .filter(({ file, target }) => target.startsWith('src/') && roomOf(target) !== 'base' && !file.endsWith('.sql'))
      .concat(
        sources
          .filter((file) => file.startsWith('src/base/'))
          .flatMap((file) => references(file).map((target) => ({ file, target })))
          .filter(({ target }) => target.startsWith('schemas/')),
      );
    expect(leans).toEqual([]);
  });

  test('only the command line and tests open the local hub, and only the duckdb room imports its driver', () => {
    const driver = sources.filter(
      (file) => !file.startsWith('src/duckdb/') && /import(?! type)[^;]*'@duckdb\//.test(textOf(file)),
    );
    expect(driver).toEqual([]);
    expect(crossings.filter(({ to, from }) => to === 'hub' && from !== 'cli')).toEqual([]);
  });
});

describe('size', () => {
  test('a function has at most 70 lines and a file at most 400: the linter refuses one more', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-tidy-'));
    try {
      const lines = (count: number): string => Array.from({ length: count }, (_, i) => `  use(${i});`).join('\n');
      writeFileSync(
        join(folder, 'long.ts'),
        `export function long(use: (i: number) => void): void {\n${lines(69)}\n}\n`,
      );
      writeFileSync(
        join(folder, 'tall.ts'),
        `${Array.from({ length: 401 }, (_, i) => `export const a${i} = 0;`).join('\n')}\n`,
      );
      const refused = lint([folder]);
      expect(refused).toMatch(/long\.ts.*max-lines-per-function/);
      expect(refused).toMatch(/tall\.ts.*max-lines/);
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(
      lint(['src', 'schemas', 'test', 'bench', 'bin'])
        .split('\n')
        .filter((line) => /max-lines/.test(line)),
    ).toEqual([]);
  });

  test('a line has at most 120 characters', () => {
    const long = code.flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line, index) => ([...line].length > 120 ? [`${file}:${index + 1}`] : [])),
    );
    expect(long).toEqual([]);
  });

  test('a file that is kept has at most 200 kB, the lock file aside', () => {
    const large = files.filter((file) => file !== 'package-lock.json' && statSync(join(root, file)).size > 200_000);
    expect(large).toEqual([]);
  });
});

describe('names and ends', () => {
  test('source files are named in kebab case (SQL models after their table)', () => {
    const odd = sources.filter(
      (file) => !/^[a-z0-9-]+(\.[a-z]+)+$/.test(file.split('/').at(-1) ?? '') && !file.endsWith('.sql'),
    );
    expect(odd).toEqual([]);
  });

  test('every source file is loaded by a test, by import or through the launcher', () => {
    const launched = testFiles.some((file) => textOf(file).includes('bin/sluice.js'))
      ? ['bin/sluice.js', 'src/cli/main.ts']
      : [];
    const loaded = reachable([...testFiles, ...launched]);
    expect(sources.filter((file) => !loaded.has(file))).toEqual([]);
  });

  test('no test is skipped, focused or left to do', () => {
    const marks = /\b(?:it|test|describe)\.(?:skip|only|todo|skipIf|runIf|fails)\b/;
    const offenders = testFiles.filter((file) => file !== 'test/tidy.test.ts' && marks.test(textOf(file)));
    expect(offenders).toEqual([]);
  });
});

describe('documentation and code say the same', () => {
  test('every error code stands in docs/errors.md and in a test, and no other does', () => {
    const documented = [...textOf('docs/errors.md').matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]);
    expect(documented.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
    const tests = testFiles
      .filter((file) => file !== 'test/tidy.test.ts')
      .map(textOf)
      .join('\n');
    expect(Object.keys(ERROR_CODES).filter((name) => !new RegExp(`['"\`]${name}['"\`]`).test(tests))).toEqual([]);
  });

  test('every setting stands in docs/settings.md and in a test', async () => {
    const { SETTINGS } = await import('../src/cli/settings.ts');
    const documented = [...textOf('docs/settings.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
    expect(documented.toSorted()).toEqual(SETTINGS.map((setting) => setting.name).toSorted());
    const tests = testFiles.map(textOf).join('\n');
    expect(SETTINGS.filter((setting) => !tests.includes(setting.name)).map((setting) => setting.name)).toEqual([]);
  });

  test('every invariant of ARCHITECTURE.md names a test that stands, and every name in brackets is listed', () => {
    const listed = [...textOf('ARCHITECTURE.md').matchAll(/^\| (I\d+) \|.*\| `(test\/[^`]+)` \|$/gm)];
    expect(listed.length).toBeGreaterThan(5);
    const missing = listed.filter(
      ([, name, file]) => !files.includes(file ?? '') || !textOf(file ?? '').includes(`[${name}]`),
    );
    expect(missing.map((match) => match[0])).toEqual([]);
    const names = new Set(listed.map((match) => match[1]));
    const claimed = testFiles.flatMap((file) => [...textOf(file).matchAll(/\[(I\d+)\]/g)].map((match) => match[1]));
    expect(claimed.filter((name) => !names.has(name))).toEqual([]);
  });

  test('every named limit is used', () => {
    const limits = [...textOf('src/base/limits.ts').matchAll(/^ {2}(\w+):/gm)].map((match) => match[1] ?? '');
    const text = sources
      .filter((file) => file !== 'src/base/limits.ts')
      .map(textOf)
      .join('\n');
    expect(limits.filter((name) => !text.includes(`LIMITS.${name}`))).toEqual([]);
  });
});

/** The linter's findings, one a line as `file: message (rule)`. */
function lint(paths: readonly string[]): string {
  const command = [
    join(root, 'node_modules/.bin/oxlint'),
    '--config',
    join(root, '.oxlintrc.json'),
    '-f',
    'json',
    ...paths,
  ];
  let output: string;
  try {
    output = execFileSync(process.execPath, command, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { filename: string; message: string; code: string }[] };
  return diagnostics.map((found) => `${found.filename}: ${found.message} (${found.code})`).join('\n');
}
