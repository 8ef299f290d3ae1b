import { SluiceError } from './errors.ts';
import { quotedText } from './identifiers.ts';

interface Rows {
  rows(sql: string): Promise<Record<string, unknown>[]>;
}

/** A statement of rows that must not exist. */
export interface Audit {
  /** Of its file: `agent_daily.sql`. */
  readonly name: string;
  readonly sql: string;
}

/** Runs the audits as one statement. Throws `audit_failed` for the first that finds a row. */
export async function audit(database: Rows, audits: readonly Audit[], table: string): Promise<void> {
  const counts = audits.map(
    ({ name, sql }, at) => `SELECT ${at} AS place, ${quotedText(name)} AS name, count(*) AS found FROM (\n${sql}\n)`,
  );
  const query = `FROM (\n${counts.join('\nUNION ALL\n')}\n) WHERE found > 0 ORDER BY place LIMIT 1`;
  const [failed] = await database.rows(query);
  if (failed === undefined) return;
  const [name, rows] = [String(failed['name']), Number(failed['found'])];
  const message =
    `the audit ${name} found ${rows} rows that must not exist among the new ones of ${table}; ` +
    `nothing of them was committed`;
  throw new SluiceError('audit_failed', message, { context: { table, audit: name, rows } });
}
