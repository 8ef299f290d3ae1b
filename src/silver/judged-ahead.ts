import { collectGarbage } from '../base/collect-garbage.ts';
import { MiB } from '../base/limits.ts';
import type { Snapshot } from '../delta/delta.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import { nextSlice, type BronzeSlice } from './bronze-slice.ts';
import { judgeSlice, type JudgedSlice } from './judge-slice.ts';
import { noSink, TableSink } from './rejected-sinks.ts';
import type { SilverOptions } from './silver.ts';

const limits = {
  /** Compressed bytes of a slice, as a share of what its bodies may take: more than its accepted rows have room for. */
  sliceShare: 0.5,
  /** Where there is less room for bodies, one slice at a time is enough. */
  aheadFromBytes: 64 * MiB,
} as const;

/** What is pending of bronze: versions after `from` (-1: none yet) up to `upTo`. */
export interface Pending {
  readonly bronze: Snapshot;
  readonly rejected: Snapshot;
  readonly appId: string;
  readonly from: number;
  readonly upTo: number;
  readonly lacks: { readonly rejected: boolean };
}

/** The next versions, and what they take of the memory there is: 1 is all of it. */
export interface PlannedSlice {
  readonly slice: BronzeSlice;
  readonly share: number;
}

interface Begun {
  /** What has to be pending for it to be of use. */
  readonly wanted: string;
  readonly ready: Promise<{ readonly planned: PlannedSlice; readonly judged: JudgedSlice }>;
}

/**
 * Judges the slice after the one that is merged: judging is JavaScript's work and merging DuckDB's, so that they go on
 * beside each other. What turns out not to be wanted is thrown away.
 */
export class JudgedAhead {
  readonly #options: SilverOptions;
  readonly #signal: AbortSignal;
  #begun: Begun | undefined;

  constructor(options: SilverOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async plan(pending: Pending): Promise<PlannedSlice> {
    if (this.#begun?.wanted === wantedOf(pending)) return (await this.#begun.ready).planned;
    return this.#planned(pending.from, pending.upTo);
  }

  async take(pending: Pending, planned: PlannedSlice): Promise<JudgedSlice> {
    const begun = this.#begun;
    if (begun?.wanted !== wantedOf(pending)) {
      await this.close();
      return this.#judge(pending, planned.slice);
    }
    this.#begun = undefined;
    return (await begun.ready).judged;
  }

  /** Runs the action that applies the slice, and judges what is pending after it meanwhile. */
  async besides<T>(slice: JudgedSlice, pending: Pending, action: () => Promise<T>): Promise<T> {
    const { stop } = this.#options;
    const isScarce = bodyBytesMaxOf(this.#options) < limits.aheadFromBytes;
    // What judging has left lies beside DuckDB's memory.
    if (isScarce) collectGarbage();
    if (slice.to >= pending.upTo || stop?.aborted === true || isScarce) return action();
    const next = { ...pending, from: slice.to };
    const ready = this.#begin(next);
    // It is thrown to whoever takes it, after this slice is applied; until then it must not count as unhandled.
    ready.catch(() => {});
    this.#begun = { wanted: wantedOf(next), ready };
    try {
      return await action();
    } finally {
      // Its memory is that of this slice's share.
      await ready.catch(() => {});
    }
  }

  async close(): Promise<void> {
    const begun = this.#begun;
    this.#begun = undefined;
    await begun?.ready.then(({ judged }) => judged.rows.close()).catch(() => {});
  }

  async #begin(next: Pending): Promise<Awaited<Begun['ready']>> {
    const planned = await this.#planned(next.from, next.upTo);
    return { planned, judged: await this.#judge(next, planned.slice) };
  }

  async #planned(from: number, upTo: number): Promise<PlannedSlice> {
    const options = this.#options;
    const bytesMax = options.sliceBytesMax ?? bodyBytesMaxOf(options) * limits.sliceShare;
    const slice = await nextSlice(options.bronze, from, upTo, bytesMax, this.#signal);
    return { slice, share: slice.bytes / bytesMax };
  }

  #judge({ bronze, rejected, lacks }: Pending, slice: BronzeSlice): Promise<JudgedSlice> {
    const options = this.#options;
    const { contract } = rejected;
    const sink = lacks.rejected ? new TableSink(options.rejected, contract, options.scratch) : noSink(contract);
    return judgeSlice(options, bronze.contract, slice, sink, this.#signal);
  }
}

function wantedOf({ appId, from, lacks }: Pending): string {
  return JSON.stringify([appId, from, lacks.rejected]);
}
