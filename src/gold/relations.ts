import { quoted } from '../base/identifiers.ts';

/**
 * What a view's SQL reads by name, and the query that each name stands for. They go with the statement, where a view
 * in the database would be bound, and its files opened, once more when it is made.
 */
export type Relations = ReadonlyMap<string, string>;

/** The query with these names before it. Those that it does not read cost nothing. */
export function withRelations(relations: Relations, query: string): string {
  const named = [...relations].map(([name, each]) => `${quoted(name)} AS NOT MATERIALIZED (\n${each}\n)`);
  return named.length === 0 ? query : `WITH ${named.join(',\n')}\n${query}`;
}
