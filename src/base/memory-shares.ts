interface Waiting {
  readonly share: number;
  readonly enter: () => void;
}

/**
 * Memory that several pieces of work have together, in shares of the whole: those that fit beside each other run side
 * by side, one that takes all of it runs alone. First come, first served, so that a large one is not kept waiting by
 * small ones.
 */
export class MemoryShares {
  #free = 1;
  readonly #queue: Waiting[] = [];

  /** Runs the action once there is room for its share, 0 to 1; more counts as 1. */
  async within<T>(share: number, action: () => Promise<T>): Promise<T> {
    const taken = Math.min(1, Math.max(0, share));
    await this.#enter(taken);
    try {
      return await action();
    } finally {
      this.#free += taken;
      this.#admit();
    }
  }

  #enter(share: number): Promise<void> {
    return new Promise((enter) => {
      this.#queue.push({ share, enter });
      this.#admit();
    });
  }

  #admit(): void {
    for (let first = this.#queue[0]; first !== undefined && this.#fits(first); first = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= first.share;
      first.enter();
    }
  }

  #fits({ share }: Waiting): boolean {
    // Sums of fractions are a little off.
    return share <= this.#free + 1e-9;
  }
}
