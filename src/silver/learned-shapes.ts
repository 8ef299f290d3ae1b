import type { DatasetContract } from '../../schemas/contract.ts';
import { canonicalShape, shapeOf, type BodyShape } from './body-shape.ts';
import { eventRules, type EventRules } from './event-rules.ts';
import { judge } from './judge.ts';

const limits = {
  /** Beside the canonical one. Each costs a look at every body that none before it fits. */
  learnedMax: 8,
} as const;

/** The shapes that the bodies of a dataset have, as far as a run has learned them. */
export class LearnedShapes {
  readonly dataset: DatasetContract;
  /** Undefined: SQL cannot express the contract, zod judges everything. */
  readonly rules: EventRules | undefined;
  readonly #canonical: BodyShape | undefined;
  #learned: BodyShape[] = [];

  constructor(dataset: DatasetContract) {
    this.dataset = dataset;
    this.rules = eventRules(dataset);
    this.#canonical = this.rules && canonicalShape(this.rules);
  }

  /** The canonical shape first, if there is one, then those learned. */
  list(): readonly BodyShape[] {
    return this.#canonical === undefined ? this.#learned : [this.#canonical, ...this.#learned];
  }

  /** Learns the most frequent new shapes of those bodies that zod accepts, and gives them. */
  learn(bodies: readonly string[]): readonly BodyShape[] {
    const known = new Set(this.list().map(({ pattern }) => pattern));
    const found = new Map<string, { readonly shape: BodyShape; count: number }>();
    for (const body of bodies) {
      const shape = this.#shapeOf(body);
      if (shape === undefined || known.has(shape.pattern)) continue;
      const entry = found.get(shape.pattern) ?? { shape, count: 0 };
      entry.count += 1;
      found.set(shape.pattern, entry);
    }
    const byCount = [...found.values()].toSorted((a, b) => b.count - a.count).map(({ shape }) => shape);
    const learned = byCount.slice(0, limits.learnedMax - this.#learned.length);
    this.#learned.push(...learned);
    return learned;
  }

  /** Forgets what no row of the last slice had: what was learned there gets the place. */
  keep(used: (shape: BodyShape) => boolean): void {
    this.#learned = this.#learned.filter(used);
  }

  #shapeOf(body: string): BodyShape | undefined {
    if (this.rules === undefined) return undefined;
    const verdict = judge(this.dataset, body);
    const shape = verdict.accepted ? shapeOf(this.rules, body) : undefined;
    return verdict.accepted && shape !== undefined ? { ...shape, unknown: verdict.unknown } : undefined;
  }
}
