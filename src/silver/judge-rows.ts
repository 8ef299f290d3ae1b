import { rm } from 'node:fs/promises';
import { SluiceError } from '../base/errors.ts';
import type { DataFile } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import { selectAccepted } from './accepted-columns.ts';
import { BronzeJudge, type Judged } from './judge-bronze.ts';
import { RejectedRows } from './rejected-rows.ts';
import type { RejectedSink } from './rejected-sinks.ts';
import type { SilverOptions } from './silver.ts';

/** Rows that were judged: those accepted in a local file, the others where the sink has them. */
export interface JudgedRows {
  readonly judged: Judged;
  /** Those accepted, where there are any: a Parquet file with the contract's fields. */
  readonly file: string | undefined;
  /**
   * Makes the relation `judged` of those accepted, where there are any: the contract's fields and the row's origin, in
   * the types of the silver table, and its `number`; and what the sink makes. Throws `conservation_broken`.
   */
  define(area: Database): Promise<void>;
  /** Uploads what was rejected, where it is for the table: files that nobody refers to yet. */
  storeRejected(signal: AbortSignal): Promise<readonly DataFile[]>;
  /** Removes what is here. */
  close(): Promise<void>;
}

export interface JudgingOptions extends Pick<SilverOptions, 'dataset' | 'scratch' | 'clock'> {
  /** For messages. */
  readonly bronze: { readonly root: string };
}

/** Gives the judge all its rows. */
export type Feed = (judge: BronzeJudge) => Promise<void>;

/** Judges rows without DuckDB. */
export async function judgeRows(
  { dataset, scratch, clock, bronze }: JudgingOptions,
  sink: RejectedSink,
  feed: Feed,
): Promise<JudgedRows> {
  const rejectedAtUs = BigInt(clock.nowMs()) * 1000n;
  const rejected = new RejectedRows(sink.contract, dataset.name, rejectedAtUs, () => sink.open());
  const judge = new BronzeJudge(dataset, scratch, rejected);
  try {
    await feed(judge);
    const { judged, accepted: file } = await judge.end();
    return {
      judged,
      file,
      async define(area) {
        if (file !== undefined)
          await area.run(`CREATE OR REPLACE VIEW judged AS ${selectAccepted(dataset.fields, file)}`);
        await sink.define(area);
        await checkConservation(area, judged, `${dataset.name}, of ${bronze.root}`);
      },
      storeRejected: (signal) => sink.store(signal),
      async close() {
        if (file !== undefined) await rm(file, { force: true });
        await sink.discard();
      },
    };
  } catch (error) {
    await Promise.all([judge.discard(), sink.discard()]);
    throw error;
  }
}

async function checkConservation(area: Database, judged: Judged, where: string): Promise<void> {
  const { rowsIn, accepted } = judged;
  const refused = Object.values(judged.rejected).reduce((sum, rows) => sum + rows, 0);
  const [found] = accepted === 0 ? [] : await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM judged');
  const kept = Number(found?.rows ?? 0);
  if (kept === accepted && accepted + refused === rowsIn) return;
  const what = `of ${rowsIn} rows ${refused} were rejected, ${accepted} accepted and ${kept} kept`;
  throw new SluiceError('conservation_broken', `${where}: ${what}; nothing of them was committed`);
}
