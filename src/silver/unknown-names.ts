/** Unknown field names that the receipt shows; the others are only ignored. */
export const UNKNOWN_NAMES_MAX = 20;

/**
 * Accepted events by the unknown names they have, for the first 20 names in the order of the rows, whichever way each
 * row was judged. Holds those that may be among them, so that no data makes it grow.
 */
export class UnknownNames {
  readonly #found = new Map<string, { count: number; position: number }>();
  #met = 0;

  /** Many rows that have the name, the first of them at this position. Before any single row. */
  addMany(name: string, count: number, position: number): void {
    const found = this.#found.get(name);
    this.#found.set(name, {
      count: (found?.count ?? 0) + count,
      position: Math.min(found?.position ?? position, position),
    });
  }

  /** One row; rows come in the order of their positions, so that after the first 20 names no further one counts. */
  addOne(name: string, position: number): void {
    const found = this.#found.get(name);
    if (found !== undefined) {
      found.count += 1;
      found.position = Math.min(found.position, position);
    } else if (this.#met < UNKNOWN_NAMES_MAX) {
      this.#met += 1;
      this.#found.set(name, { count: 1, position });
    }
  }

  result(): Record<string, number> {
    const first = [...this.#found].toSorted(([, a], [, b]) => a.position - b.position).slice(0, UNKNOWN_NAMES_MAX);
    return Object.fromEntries(first.map(([name, { count }]) => [name, count]));
  }
}
