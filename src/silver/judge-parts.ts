import { SluiceError } from '../base/errors.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { judgeBronze, NOTHING_JUDGED, type Judged } from './judge-bronze.ts';
import type { LearnedShapes } from './learned-shapes.ts';
import type { SilverOptions } from './silver.ts';

const countJudgedSql = sqlFile(new URL('statements/count-judged.sql', import.meta.url));
const gatherPartSql = sqlFile(new URL('statements/gather-part.sql', import.meta.url));
const gatheredPartsSql = sqlFile(new URL('statements/gathered-parts.sql', import.meta.url));

/**
 * Judges the relation `bronze` as `judgeBronze` does, part by part: each of the `parts` makes the relation anew, and
 * only its bodies are held. The tables `judged` and `refused` are those of all parts, in their order. Throws
 * `conservation_broken`.
 */
export async function judgeParts(
  area: Database,
  schema: string,
  parts: readonly (() => Promise<void>)[],
  shapes: LearnedShapes,
  options: SilverOptions,
  signal: AbortSignal,
): Promise<Judged> {
  let all = NOTHING_JUDGED;
  for (const define of parts) {
    await define();
    const judged = await judgeBronze(area, schema, shapes, signal);
    await checkConservation(area, judged, options);
    all = sumOf(all, judged);
    if (parts.length > 1) await area.run(gatherPartSql, undefined, signal);
  }
  if (parts.length > 1) await area.run(gatheredPartsSql);
  return all;
}

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

async function checkConservation(area: Database, judged: Judged, { dataset, bronze }: SilverOptions): Promise<void> {
  const [found] = await area.rows<{ rows_in: bigint; accepted: bigint; refused: bigint }>(countJudgedSql);
  const [rowsIn, accepted, refused] = [found?.rows_in, found?.accepted, found?.refused].map(Number);
  if (rowsIn === judged.rowsIn && accepted === judged.accepted && rowsIn === Number(accepted) + Number(refused)) return;
  const message =
    `${dataset.name}: ${rowsIn} rows of ${bronze.root} were judged as ${accepted} accepted and ${refused} rejected; ` +
    `nothing of them was committed`;
  throw new SluiceError('conservation_broken', message, { context: { dataset: dataset.name } });
}
