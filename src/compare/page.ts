import { readFileSync } from 'node:fs';
import { Eta } from 'eta/core';
import type { Comparison } from './compare.ts';
import { isSame } from './diff.ts';

/** What differs, with examples, as one page: style inside, no script, nothing fetched. */
export function renderComparison(comparison: Comparison): string {
  const file = readFileSync(new URL('comparison-page.eta', import.meta.url), 'utf8');
  return new Eta({ autoEscape: true }).renderString(file, { comparison, isSame });
}
