import { SluiceError } from '../base/errors.ts';

/** Throws `internal` where a path could leave the lake or be read in two ways. Returns it as it is. */
export function checkedPath(path: string): string {
  const segments = path.split('/');
  const bad = segments.some((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad || path.includes('\0') || path.includes('\\')) {
    throw new SluiceError('internal', `"${path}" is no object path: names joined by "/" are expected`, {
      context: { path },
    });
  }
  return path;
}

/** Order of `list`: code units, which is what `<` on strings means. */
export function comparePaths(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
