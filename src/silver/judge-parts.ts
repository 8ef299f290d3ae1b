import { SluiceError } from '../base/errors.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { NOTHING_JUDGED, type Judged } from './judge-bronze.ts';
import type { SilverOptions } from './silver.ts';

const countJudgedSql = sqlFile(new URL('statements/count-judged.sql', import.meta.url));
const gatherPartSql = sqlFile(new URL('statements/gather-part.sql', import.meta.url));

/** Rows that are judged at once. */
export interface Part {
  /** Makes the relation `bronze` anew. */
  readonly define: () => Promise<void>;
  /** Takes what was refused of them: the table `refused` is that of one part. */
  readonly refused: (judged: Judged) => Promise<void>;
}

/**
 * Judges the relation `bronze` part by part, so that the bodies of one part alone are held. `judge` makes the tables
 * `judged` and `refused` of one; in the end `judged` is that of all parts, in their order. Throws
 * `conservation_broken`.
 */
export async function judgeParts(
  area: Database,
  parts: readonly Part[],
  judge: () => Promise<Judged>,
  options: SilverOptions,
  signal: AbortSignal,
): Promise<Judged> {
  let all = NOTHING_JUDGED;
  for (const [part, { define, refused }] of parts.entries()) {
    await define();
    const judged = await judge();
    await checkConservation(area, judged, options);
    await refused(judged);
    all = sumOf(all, judged);
    if (parts.length === 1) continue;
    // The first part's table is not copied: the others are added to it.
    if (part === 0) await area.run('ALTER TABLE judged RENAME TO gathered');
    else await area.run(gatherPartSql, undefined, signal);
  }
  if (parts.length > 1) {
    await area.run('ALTER TABLE gathered RENAME TO judged');
    const [found] = await area.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM judged');
    if (Number(found?.rows) !== all.accepted)
      throw broken(options, `${found?.rows} of ${all.accepted} accepted rows are kept`);
  }
  return all;
}

/** Of unknown names each part has told the first that it met. */
function sumOf(one: Judged, other: Judged): Judged {
  return {
    rowsIn: one.rowsIn + other.rowsIn,
    accepted: one.accepted + other.accepted,
    acceptedByShape: one.acceptedByShape + other.acceptedByShape,
    rejected: sumsOf(one.rejected, other.rejected),
    unknownFields: sumsOf(one.unknownFields, other.unknownFields),
  };
}

type Counts = Readonly<Record<string, number>>;

function sumsOf(one: Counts, other: Counts): Counts {
  const sums = new Map(Object.entries(one));
  for (const [name, count] of Object.entries(other)) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}

async function checkConservation(area: Database, judged: Judged, options: SilverOptions): Promise<void> {
  const [found] = await area.rows<{ rows_in: bigint; accepted: bigint; refused: bigint }>(countJudgedSql);
  const [rowsIn, accepted, refused] = [found?.rows_in, found?.accepted, found?.refused].map(Number);
  if (rowsIn === judged.rowsIn && accepted === judged.accepted && rowsIn === Number(accepted) + Number(refused)) return;
  throw broken(options, `${rowsIn} rows were judged as ${accepted} accepted and ${refused} rejected`);
}

function broken({ dataset, bronze }: SilverOptions, what: string): SluiceError {
  const message = `${dataset.name}, of ${bronze.root}: ${what}; nothing of them was committed`;
  return new SluiceError('conservation_broken', message, { context: { dataset: dataset.name } });
}
