import { readFileSync } from 'node:fs';

/** A difference that Spark makes unavoidable: cells of a column for which the predicate holds. */
export interface KnownDifference {
  readonly name: string;
  /** Sources of the reference for which it holds. */
  readonly sources: readonly string[];
  /** `bronze/*` stands for every table of the layer. */
  readonly table: string;
  readonly column: string;
  /** SQL over `engine` and `reference`, the two rows. */
  readonly when: string;
}

const FILE = new URL('../../deploy/databricks/DIFFERENCES.md', import.meta.url);
const ROW = /^\| `([\w-]+)` \| ([\w, ]+) \| `([\w/*]+)` \| `(\w+)` \| `(.+?)` \|/gm;

/** The rows of DIFFERENCES.md. */
export function knownDifferences(text: string = readFileSync(FILE, 'utf8')): KnownDifference[] {
  return [...text.matchAll(ROW)].map(([, name = '', sources = '', table = '', column = '', when = '']) => ({
    name,
    sources: sources.split(', '),
    table,
    column,
    // A bar in a table's cell is written with a backslash.
    when: when.replaceAll('\\|', '|'),
  }));
}

/** What explains a difference in this cell, as SQL; false where nothing does. */
export function explanation(known: readonly KnownDifference[], source: string, root: string, column: string): string {
  const layer = root.slice(0, root.indexOf('/'));
  const fitting = known.filter(
    (each) => each.sources.includes(source) && [root, `${layer}/*`].includes(each.table) && each.column === column,
  );
  return fitting.length === 0 ? 'false' : fitting.map(({ when }) => `coalesce(${when}, false)`).join(' OR ');
}
