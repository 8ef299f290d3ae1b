import { SluiceError } from './errors.ts';

interface Rows {
  rows(sql: string): Promise<Record<string, unknown>[]>;
}

/** Runs a statement of rows that must not exist. Throws `audit_failed` where it finds one. */
export async function audit(database: Rows, sql: string, table: string, name: string): Promise<void> {
  const [found] = await database.rows(`SELECT count(*) AS found FROM (\n${sql}\n)`);
  const rows = Number(found?.['found'] ?? 0);
  if (rows === 0) return;
  const message =
    `the audit ${name} found ${rows} rows that must not exist among the new ones of ${table}; ` +
    `nothing of them was committed`;
  throw new SluiceError('audit_failed', message, { context: { table, audit: name, rows } });
}
