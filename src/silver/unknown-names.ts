/** Unknown field names that the receipt shows; the others are only ignored. */
export const UNKNOWN_NAMES_MAX = 20;

/**
 * Accepted events by the unknown names they have, for the first 20 names in the order of the rows: no data makes it
 * grow.
 */
export class UnknownNames {
  readonly #counts = new Map<string, number>();

  addRow(names: readonly string[]): void {
    for (const name of names) {
      const count = this.#counts.get(name);
      if (count !== undefined || this.#counts.size < UNKNOWN_NAMES_MAX) this.#counts.set(name, (count ?? 0) + 1);
    }
  }

  result(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
