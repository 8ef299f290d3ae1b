import { filled, quoted, quotedText } from '../base/identifiers.ts';
import { MiB } from '../base/limits.ts';
import { checkColumns, defineRelation, writeFiles, type DataFile } from '../delta/delta.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import type { KeyPacks } from '../keys/keys.ts';
import type { Batch, MergeTools } from './merge-batch.ts';

const daysToWriteSql = sqlFile(new URL('statements/days-to-write.sql', import.meta.url));
const newDaySql = sqlFile(new URL('statements/new-day.sql', import.meta.url));
const replacementSql = sqlFile(new URL('statements/replacement.sql', import.meta.url));

const limits = {
  /** Days written side by side, each by a connection of its own: a COPY of one day keeps one thread busy. */
  lanes: 2,
  /** A file below this is written anew with a day that is written anyway: else every run would leave one more. */
  smallFileBytes: 1 * MiB,
} as const;

export interface DaysWritten {
  readonly remove: readonly DataFile[];
  readonly add: readonly DataFile[];
  /** Rows of the removed files, and of the added ones. */
  readonly rowsBefore: number;
  readonly rowsAfter: number;
}

export interface DayTools extends MergeTools {
  /** Texts for the statements' placeholders. */
  readonly parts: Readonly<Record<string, string>>;
  readonly keys: readonly KeyPacks[];
}

/**
 * Writes a file for each day that gains or loses a row of `changed` and `replaced`: what is left of its files that
 * held such a row, of its small files, and its changed rows. The keys of the new files go to the packs.
 */
export async function writeDays(
  area: Database,
  batch: Batch,
  tools: DayTools,
  signal: AbortSignal,
): Promise<DaysWritten> {
  await checkColumns(area, batch.location, batch.snapshot.contract, 'changed');
  const plan = await planDays(area, batch, tools);
  const queue = [...plan];
  const add: DataFile[] = [];
  let [rowsBefore, rowsAfter] = [0, 0];
  const lane = async (number: number): Promise<void> => {
    const connection = await area.connect();
    try {
      await connection.run(`SET search_path = '${tools.schema}'`);
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const written = await writeDay(connection, number, next, batch, tools, signal);
        add.push(...written.files);
        rowsBefore += written.rowsBefore;
        rowsAfter += written.rowsAfter;
      }
    } finally {
      queue.length = 0;
      connection.close();
    }
  };
  const lanes = Array.from({ length: Math.min(limits.lanes, plan.length) }, (_, number) => lane(number));
  const ended = await Promise.allSettled(lanes);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return { remove: plan.flatMap(({ remove }) => remove), add, rowsBefore, rowsAfter };
}

/** A day to write, and the files that its new one takes the place of. */
interface DayPlan {
  readonly day: string;
  readonly remove: readonly DataFile[];
}

async function planDays(area: Database, { dataset, snapshot }: Batch, { parts }: DayTools): Promise<DayPlan[]> {
  const found = await area.rows<{ day: string | null; path: string | null }>(filled(daysToWriteSql, parts));
  const days = new Set(found.flatMap(({ day }) => day ?? []));
  const paths = new Set(found.flatMap(({ path }) => path ?? []));
  const dayOf = ({ partitionValues }: DataFile): string => partitionValues[dataset.dayColumn] ?? '';
  const byDay = Map.groupBy(snapshot.files.values(), dayOf);
  for (const [day, files] of byDay) if (files.some(({ path }) => paths.has(path))) days.add(day);
  return [...days].toSorted().map((day) => {
    const files = byDay.get(day) ?? [];
    return { day, remove: files.filter(({ path, sizeBytes }) => paths.has(path) || sizeBytes < limits.smallFileBytes) };
  });
}

async function writeDay(
  connection: Database,
  number: number,
  { day, remove }: DayPlan,
  { dataset, location, snapshot }: Batch,
  { parts, keys, scratch }: DayTools,
  signal: AbortSignal,
): Promise<{ files: DataFile[]; rowsBefore: number; rowsAfter: number }> {
  const [rewritten, replacement] = [`rewritten_${number}`, `replacement_${number}`];
  const { contract } = snapshot;
  const names = { ...parts, rewritten, replacement, of_day: `${quotedText(day)}::DATE` };
  let rowsBefore = 0;
  if (remove.length === 0) await connection.run(filled(newDaySql, names));
  else {
    await defineRelation(connection, rewritten, location, contract, remove, scratch, signal);
    await connection.run(filled(replacementSql, names));
    const [before] = await connection.rows<{ rows: bigint }>(`SELECT count(*) AS "rows" FROM ${quoted(rewritten)}`);
    rowsBefore = Number(before?.rows ?? 0);
  }
  let rowsAfter = 0;
  const files = await writeFiles(connection, location, contract, replacement, scratch, signal, {
    partition: { [dataset.dayColumn]: day },
    columnsChecked: true,
    async onWritten(localFile, rows, path) {
      rowsAfter += rows;
      for (const locator of keys) await locator.note(connection, localFile, path);
    },
  });
  return { files, rowsBefore, rowsAfter };
}
