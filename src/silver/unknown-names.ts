/** Unknown field names that the receipt shows; the others are only ignored. */
export const UNKNOWN_NAMES_MAX = 20;

interface Found {
  count: number;
  /** Where the name was first: the row, and which of the row's unknown names it was. */
  position: number;
  place: number;
}

/**
 * Accepted events by the unknown names they have, for the first 20 names in the order of the rows, whichever way each
 * row was judged. Holds those that may be among them, so that no data makes it grow.
 */
export class UnknownNames {
  readonly #found = new Map<string, Found>();
  #met = 0;

  /** So many rows have these names, the first of them at this position. Before any single row. */
  addRows(names: readonly string[], count: number, position: number): void {
    for (const [place, name] of names.entries()) this.#add(name, { count, position, place });
  }

  /** One row; rows come in the order of their positions, so that after the first 20 names no further one counts. */
  addRow(names: readonly string[], position: number): void {
    for (const [place, name] of names.entries()) {
      const isNew = !this.#found.has(name);
      if (isNew && this.#met >= UNKNOWN_NAMES_MAX) continue;
      if (isNew) this.#met += 1;
      this.#add(name, { count: 1, position, place });
    }
  }

  result(): Record<string, number> {
    const first = [...this.#found].toSorted(([, a], [, b]) => inOrder(a, b)).slice(0, UNKNOWN_NAMES_MAX);
    return Object.fromEntries(first.map(([name, { count }]) => [name, count]));
  }

  #add(name: string, added: Found): void {
    const found = this.#found.get(name);
    if (found === undefined) {
      this.#found.set(name, added);
      return;
    }
    const first = inOrder(added, found) < 0 ? added : found;
    this.#found.set(name, { ...first, count: found.count + added.count });
  }
}

function inOrder(a: Found, b: Found): number {
  return a.position - b.position || a.place - b.place;
}
