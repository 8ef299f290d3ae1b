import type { TableContract } from '../../schemas/contract.ts';
import { bodyBytesMaxOf } from './body-memory.ts';
import { bronzeRows } from './bronze-rows.ts';
import type { BronzeSlice } from './bronze-slice.ts';
import { judgeRows, type JudgedRows } from './judge-rows.ts';
import type { RejectedSink } from './rejected-sinks.ts';
import type { SilverOptions } from './silver.ts';

const limits = {
  /** Bytes of accepted rows that are merged at once, a single version aside, as a share of those of bodies. */
  acceptedShare: 0.8,
} as const;

/** Bronze versions after `from` up to `to` (-1: none), judged. */
export interface JudgedSlice {
  readonly from: number;
  readonly to: number;
  readonly rows: JudgedRows;
}

/** Judges the versions of the slice, in order, until the accepted rows are as many as are merged at once. */
export async function judgeSlice(
  options: SilverOptions,
  contract: TableContract,
  { from, versions }: BronzeSlice,
  sink: RejectedSink,
  signal: AbortSignal,
): Promise<JudgedSlice> {
  const { bronze: table, openDatabase } = options;
  const scratch = options.scratch.scope();
  const source = { table, contract, scratch, openDatabase };
  const acceptedBytesMax = bodyBytesMaxOf(options) * limits.acceptedShare;
  let to = from;
  try {
    const rows = await judgeRows(options, sink, async (judge) => {
      for (const { version, files } of versions) {
        if (judge.acceptedBytes >= acceptedBytesMax) return;
        for (const file of files) {
          for await (const some of bronzeRows(source, file, undefined, signal)) await judge.take(some);
        }
        to = version;
      }
    });
    return { from, to, rows };
  } finally {
    scratch.release();
  }
}
