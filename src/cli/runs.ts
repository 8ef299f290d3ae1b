import Table from 'cli-table3';
import { runsTable } from '../../schemas/runs-table.ts';
import { defineRelation, readSnapshot } from '../delta/delta.ts';
import { sqlFile } from '../duckdb/duckdb.ts';
import { readConfiguration } from './configuration.ts';
import { openLake } from './lake.ts';
import { RUNS_ROOT } from './tables.ts';
import type { Terminal } from './terminal.ts';

/** Columns that a run has once, whatever its partitions. */
const OF_THE_RUN = [
  'run_id',
  'command',
  'started_at',
  'ended_at',
  'run_outcome',
  'exit_code',
  'run_seconds',
  'run_cpu_seconds',
  'peak_rss_bytes',
  'error',
] as const;

/** The first columns of the table are text, the others numbers. */
const TEXT_COLUMNS = 3;

type RunRow = Readonly<Record<string, string | number | null>>;

/** One run with its partitions; the names are those of the runs table. */
interface Run {
  readonly facts: RunRow;
  readonly partitions: RunRow[];
}

/** `sluice runs`: the runs of a lake, newest first. */
export async function runs(
  options: { readonly last: number; readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const lake = await openLake(configuration, terminal, { readOnly: true, log: terminal.logOf(configuration) });
  try {
    const location = lake.table(RUNS_ROOT);
    const snapshot = await readSnapshot(location, terminal.stop.soft);
    const database = await lake.openDatabase();
    const files = snapshot?.files.values() ?? [];
    await defineRelation(database, 'sluice.runs', location, runsTable, files, lake.scratch, terminal.stop.soft);
    const statement = sqlFile(new URL('runs.sql', import.meta.url));
    const found = byRun(await database.rows<RunRow>(statement, { last: options.last }));
    terminal.print(options.json === true ? asJson(found) : asTable(found));
  } finally {
    await lake.close();
  }
  return 0;
}

function byRun(rows: readonly RunRow[]): Run[] {
  const found = new Map<unknown, Run>();
  for (const row of rows) {
    const run = found.get(row['run_id']) ?? { facts: row, partitions: [] };
    found.set(row['run_id'], run);
    if (row['partition_id'] !== null) run.partitions.push(row);
  }
  return [...found.values()];
}

function asJson(found: readonly Run[]): string {
  const ofTheRun = new Set<string>(OF_THE_RUN);
  const document = found.map(({ facts, partitions }) => ({
    ...Object.fromEntries(OF_THE_RUN.map((name) => [name, facts[name]])),
    partitions: partitions.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => !ofTheRun.has(name))),
    ),
  }));
  return `${JSON.stringify(document, null, 2)}\n`;
}

function asTable(found: readonly Run[]): string {
  if (found.length === 0) return 'no run yet\n';
  const head = ['run', 'started', 'outcome', 'exit', 'rows', 'gap rows', 'lag after', 'seconds'];
  const colAligns = head.map((_, column) => (column < TEXT_COLUMNS ? 'left' : 'right'));
  const table = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  for (const { facts, partitions } of found) {
    const sum = (name: string): number => partitions.reduce((total, row) => total + Number(row[name]), 0);
    const { run_id: id, started_at: started, run_outcome: outcome, exit_code: exitCode } = facts;
    const counts = [
      ...['rows', 'gap_rows', 'lag_after'].map((name) => sum(name).toLocaleString('en-US')),
      Number(facts['run_seconds']).toFixed(2),
    ];
    table.push(
      [id, String(started).replace(/\.\d+Z$/, 'Z'), outcome, exitCode, ...counts].map((value) => String(value ?? '')),
    );
  }
  return `${table.toString()}\n`;
}
