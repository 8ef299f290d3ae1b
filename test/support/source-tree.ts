import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The repository's files as git sees them (tracked, or new and not ignored), relative to its root. */
export const root = normalize(join(import.meta.dirname, '../..'));

export function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root });
  const files = listed.toString().split('\0');
  return [...new Set(files)].filter((file) => file !== '' && existsSync(join(root, file))).toSorted();
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Modules, `.sql` and other files that a file names relative to itself: by import, or by URL. */
export function references(file: string): string[] {
  const text = textOf(file);
  const found = [
    ...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g),
    ...text.matchAll(/new URL\(\s*'(\.?[^']+)'\s*,\s*import\.meta\.url/g),
  ].map((match) => normalize(join(dirname(file), match[1] ?? '')));
  return [...new Set(found)];
}

/** Everything reachable from the entries by `references`. */
export function reachable(entries: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file) || !existsSync(join(root, file))) continue;
    seen.add(file);
    if (/\.[jt]s$/.test(file)) waiting.push(...references(file));
  }
  return seen;
}
